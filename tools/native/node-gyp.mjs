import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from '../root.mjs'

/** The environment for node-gyp: the headers that lie beside this Node, where there are some, need no download. */
export function headers() {
  const prefix = dirname(dirname(process.execPath))
  return existsSync(`${prefix}/include/node/node_api.h`) ? { npm_config_nodedir: prefix } : {}
}

/** Runs a program of node_modules that builds the addon. */
export function runBuild(script, args, cwd, env = {}) {
  execFileSync(process.execPath, [script, ...args], {
    cwd,
    env: { ...headers(), ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

/** Makes a folder to build the addon in: one that is built in the tree would be loaded instead of the committed one. */
export function copySources(folder) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const path of ['native', 'binding.gyp', 'package.json'])
    cpSync(join(root, path), join(folder, path), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
}
