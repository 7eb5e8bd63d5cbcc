import { createRequire } from 'node:module'

/** Whether this Node has node:sqlite. The tests in this folder run on every Node. */
export const hasSqlite = (() => {
  try {
    return Boolean(createRequire(import.meta.url)('node:sqlite'))
  } catch {
    return false
  }
})()
