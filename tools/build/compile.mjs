import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { root } from '../root.mjs'

const changed = path => statSync(path).mtimeMs

const timesIn = input => {
  const path = `${root}${input}`
  return statSync(path).isDirectory()
    ? readdirSync(path, { recursive: true }).map(name => changed(`${path}/${name}`))
    : [changed(path)]
}

/** What dist/ is made of, and by. */
const inputs = ['src', 'tools/build', 'tsdown.config.mjs']

/** Compiles src/ to dist/ if dist/ is missing or older than its inputs. Returns false if that fails. */
export function compile() {
  const output = `${root}dist/index.cjs`
  if (existsSync(output) && changed(output) > Math.max(...inputs.flatMap(timesIn))) return true
  if (!existsSync(`${root}node_modules/tsdown`)) {
    console.error('node_modules is missing: run npm ci first')
    return false
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, ['node_modules/tsdown/dist/run.mjs'], { cwd: root })
  if (status !== 0) process.stderr.write(Buffer.concat([stdout, stderr]))
  return status === 0
}
