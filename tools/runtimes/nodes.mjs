import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { runtimes } from './table.mjs'

const folder = fileURLToPath(new URL('.', import.meta.url))

export const thisNode = `Node ${process.versions.node.split('.')[0]}`

/** Most of them are for other machines than this. */
export function installRuntimes() {
  execFileSync('npm', ['ci', '--force', '--ignore-scripts'], { cwd: folder, stdio: 'ignore' })
}

/** The Nodes for this machine, each with its path. */
export function nodes() {
  const all = Object.entries(runtimes)
    .filter(([name]) => /^Node \d+$/.test(name))
    .map(([name, { command }]) => ({ name, path: command[0] }))
  if (!all.every(({ path }) => existsSync(path))) installRuntimes()
  return all
}
