// What the tarball holds, and how much of it.
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
// `netvia run` added 12 to 16 KB of code to each of the ten addons, `netvia line` and STUN some 40 KB to the library,
// MPTCP and metered lines another 40. The uplinks of `netvia run` added 2 KB to each addon: 8 KB packed.
// Rate and latency under load added some 40 KB to the library, 15 KB packed: the load, its server, and what its samples show.
// Scans of many hosts added 11 KB to the library and 5 KB packed, UDP messages with their path 12 and 11 KB.
// Tunnels of the proxy added 7 to 11 KB to each addon and 7 to the library; history, Multipath TCP and output of services 20.
// With local errors kept apart from the network's, and plain answers read over TLS, the library has 970 KB, and the package 841.
const budgets = { packed: 860_000, library: 1_000_000 }

/** Pairs of a name and what is wrong, if anything. `packed`: what npm pack --json says. */
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

/** As sha256sum(1) prints and checks them. */
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
