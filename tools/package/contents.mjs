// Checks the files in the tarball and their sizes.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { targets } from '../native/targets.mjs'

const wanted = [
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/,
  /^dist\/.+\.(js|cjs|d\.ts|d\.cts|html|txt|1)$/,
  /^native\/.+\.(cc|h|map|gypi)$/,
  /^prebuilds\/(linux-\w+\/netvia\.node|SHA256SUMS)$/,
]
const required = [
  'dist/index.js',
  'dist/index.cjs',
  'dist/index.d.ts',
  'dist/index.d.cts',
  'dist/undici.js',
  'dist/undici.cjs',
  'dist/cli.cjs',
  'dist/netvia.1',
  'prebuilds/SHA256SUMS',
  ...Object.keys(targets).map(arch => `prebuilds/linux-${arch}/netvia.node`),
]
// Both in bytes. The package has 894 KB packed, and the library 1,057 KB. `netvia run` added 12 to 16 KB to each of the ten addons, and
// its uplinks 2 KB more (8 KB packed). `netvia line` and STUN added 40 KB to the library, MPTCP and metered lines 40 KB, and rate and
// latency under load 40 KB (15 KB packed). Scans of many hosts added 11 KB (5 KB packed), and UDP messages with their path 12 KB (11 KB
// packed). The proxy's tunnels added 7 to 11 KB to each addon and 7 KB to the library. History, Multipath TCP and the output of
// services added 20 KB, and the limit on the proxy's passwords, the turns of groups and more precise verdicts 28 KB. Missing routes,
// silent neighbours, lost time, patience on slow lines and addresses that changed added 23 KB (20 KB packed, with `netvia run`).
const budgets = { packed: 910_000, library: 1_067_000 }

/** Returns pairs of a check's name and its fault, if any. The first argument is the output of `npm pack --json`. */
export function inspectTarball({ size, files }, root) {
  const paths = files.map(({ path }) => path)
  const unwanted = paths.filter(path => !wanted.some(pattern => pattern.test(path)) || path === 'native/faults.cc')
  const missing = required.filter(path => !paths.includes(path))
  const sum = pattern => files.reduce((total, { path, size }) => total + (pattern.test(path) ? size : 0), 0)
  const library = sum(/^dist\/(?!cli)[^.]*\.c?js$/)
  const text = paths.filter(
    path => /^dist\/lib\//.test(path) && /[^\0-\x7f]/.test(readFileSync(join(root, path), 'utf8')),
  )
  const over = (name, bytes) => (bytes > budgets[name] ? `${bytes} bytes, the budget is ${budgets[name]}` : undefined)
  return [
    ['package: no file that does not belong there', unwanted.join(' ')],
    ['package: no file missing', missing.join(' ')],
    [`package: size when packed (${size})`, over('packed', size)],
    [`package: size of the library without types and command (${library})`, over('library', library)],
    ['package: the library is ASCII, which V8 keeps in a byte a character', text.join(' ')],
    [
      'package: checksums of the addons',
      readFileSync(join(root, 'prebuilds/SHA256SUMS'), 'utf8') === checksums(root) ? '' : 'differ',
    ],
  ]
}

/** The checksums in the format of sha256sum(1). */
export function checksums(root) {
  return Object.keys(targets)
    .map(arch => `linux-${arch}/netvia.node`)
    .sort()
    .map(
      file =>
        `${createHash('sha256')
          .update(readFileSync(join(root, 'prebuilds', file)))
          .digest('hex')}  ${file}\n`,
    )
    .join('')
}
