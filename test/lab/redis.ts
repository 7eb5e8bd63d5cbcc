import { context } from './context.js'
import { listening, start, stop } from './processes.js'

const port = 6379

/** Runs Redis on every address of the internet host. It ends with the test, or by `stop`, and keeps no data. */
export async function redis(): Promise<{ stop(): Promise<void> }> {
  const settings = { port, bind: '* -::*', 'protected-mode': 'no', save: '', daemonize: 'no', dir: context.folder }
  const options = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, ...String(value).split(' ')])
  const child = start('internet', 'redis-server', ...options)
  await listening(child, 'internet', 'tcp', [port])
  return { stop: () => stop(child) }
}
