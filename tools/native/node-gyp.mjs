import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'

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
