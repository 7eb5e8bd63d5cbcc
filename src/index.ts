export { NetviaError } from './errors.js'
export type { CommonOptions, PathOptions } from './options.js'
