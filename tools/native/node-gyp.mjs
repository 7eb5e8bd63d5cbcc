import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from '../root.mjs'

/** The environment for node-gyp. It uses the headers next to this Node, if there are any, instead of downloading them. */
export function headers() {
  const prefix = dirname(dirname(process.execPath))
  return existsSync(`${prefix}/include/node/node_api.h`) ? { npm_config_nodedir: prefix } : {}
}

/** Runs a program in node_modules that builds the addon. */
export function runBuild(script, args, cwd, env = {}) {
  execFileSync(process.execPath, [script, ...args], {
    cwd,
    env: { ...headers(), ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

/** Copies the sources to a folder for the build. An addon built in the tree would be loaded instead of the committed one. */
export function copySources(folder) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const path of ['native', 'binding.gyp', 'package.json'])
    cpSync(join(root, path), join(folder, path), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
}
