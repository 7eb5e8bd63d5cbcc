// The libraries bundled into dist.
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { root } from '../root.mjs'

export const carried = [
  'dns-packet',
  'commander',
  'string-width',
  'log-update',
  'wrap-ansi',
  'yaml',
  'prom-client',
  'uplot',
]

/** Name, version, licence and folder of packages and all their dependencies. */
export function packagesOf(names) {
  const found = new Map()
  const collect = (name, from) => {
    const folder = folderOf(name, from)
    if (!folder || found.has(folder)) return
    const { version, license, dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    found.set(folder, { name, version, license, folder })
    for (const dependency of Object.keys(dependencies)) collect(dependency, folder)
  }
  for (const name of names) collect(name, root)
  return [...found.values()]
}

/** The folder of a package as resolved from another folder. Packages don't have to export their package.json. */
function folderOf(name, from) {
  const paths = createRequire(join(from, 'package.json')).resolve.paths(name)
  return paths.map(path => join(path, name)).find(folder => existsSync(join(folder, 'package.json')))
}
