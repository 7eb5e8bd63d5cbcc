export {
  createDispatcher,
  type DispatcherConnectOptions,
  type DispatcherOptions,
} from './protocols/http/dispatcher.js'
export { type FetchInit, fetch } from './protocols/http/fetch.js'
