import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../root.mjs'
import { copySources, runBuild } from './node-gyp.mjs'

/**
 * Builds the addon for tests with variables of native/addon.gypi such as `{ sanitize: 'address' }`, if it is missing or older than
 * the sources. Needs a compiler. Returns the folder for NETVIA_PREBUILD.
 */
export function buildDebugAddon(name, variables) {
  const folder = join(root, '.cache', name)
  const addon = join(folder, 'build/Release/netvia.node')
  const sources = [
    'binding.gyp',
    ...readdirSync(join(root, 'native'), { recursive: true }).map(file => `native/${file}`),
  ]
  const changed = path => statSync(path).mtimeMs
  if (existsSync(addon) && changed(addon) > Math.max(...sources.map(file => changed(join(root, file))))) return folder
  copySources(folder)
  const settings = Object.entries(variables).map(([key, value]) => `-D${key}=${value}`)
  runBuild(join(root, 'node_modules/node-gyp/bin/node-gyp.js'), ['rebuild', '--silent', '--', ...settings], folder)
  return folder
}
