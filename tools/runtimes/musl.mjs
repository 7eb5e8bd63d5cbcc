// Prepares a folder in which runtimes built for musl run: Debian's libstdc++, a shim for the symbols that musl lacks, and a Node. Needs
// Debian's musl.
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runZig } from '../native/zig.mjs'
import { root } from '../root.mjs'

const libraries = '/usr/lib/x86_64-linux-gnu'
// pnpm's executable for musl is a Node that runs dist/pnpm.mjs next to it.
const runScript = `import { pathToFileURL } from 'node:url'\nimport(pathToFileURL(process.argv[2]).href)\n`

export function prepareMusl() {
  const folder = join(root, '.cache/musl')
  mkdirSync(join(folder, 'dist'), { recursive: true })
  for (const name of ['libstdc++.so.6', 'libgcc_s.so.1']) copyFileSync(join(libraries, name), join(folder, name))
  // The only library these runtimes need that musl doesn't provide.
  const shim = 'ld-linux-x86-64.so.2'
  const object = join(folder, 'shim.o')
  const target = ['cc', '-target', 'x86_64-linux-musl']
  runZig([...target, '-O1', '-fPIC', '-c', 'test/runtimes/host/musl-shim.c', '-o', object])
  runZig([...target, '-shared', '-nostdlib', `-Wl,-soname,${shim}`, object, '-o', join(folder, shim)])
  copyFileSync(join(root, 'tools/runtimes/node_modules/@pnpm/linuxstatic-x64/pnpm'), join(folder, 'node'))
  chmodSync(join(folder, 'node'), 0o755)
  writeFileSync(join(folder, 'dist/pnpm.mjs'), runScript)
}
