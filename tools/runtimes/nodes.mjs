import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { runtimes } from './table.mjs'

const folder = fileURLToPath(new URL('.', import.meta.url))

export const thisNode = `Node ${process.versions.node.split('.')[0]}`

/** Installs the runtimes, unless they are up to date with the lock file. `--force`, because most are for other machines. */
export function installRuntimes() {
  const changed = path => statSync(`${folder}${path}`, { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (changed('node_modules/.package-lock.json') > changed('package-lock.json')) return
  execFileSync('npm', ['ci', '--force', '--ignore-scripts'], { cwd: folder, stdio: 'ignore' })
}

/** The Nodes for this machine, with their paths. */
export function nodes() {
  installRuntimes()
  return Object.entries(runtimes)
    .filter(([name]) => /^Node \d+$/.test(name))
    .map(([name, { command }]) => ({ name, path: command[0] }))
}
