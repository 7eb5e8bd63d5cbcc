import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { root } from '../root.mjs'

const changed = path => statSync(path).mtimeMs

/** Compiles src/ to dist/ if dist/ is missing or older than the sources. Returns false if that fails. */
export function compile() {
  const output = `${root}dist/index.cjs`
  const sources = readdirSync(`${root}src`, { recursive: true }).map(name => changed(`${root}src/${name}`))
  if (existsSync(output) && changed(output) > Math.max(...sources)) return true
  if (!existsSync(`${root}node_modules/tsdown`)) {
    console.error('node_modules is missing: run npm ci first')
    return false
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, ['node_modules/tsdown/dist/run.mjs'], { cwd: root })
  if (status !== 0) process.stderr.write(Buffer.concat([stdout, stderr]))
  return status === 0
}
