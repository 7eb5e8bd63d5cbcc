import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from '../root.mjs'

const packages = fileURLToPath(new URL('node_modules', import.meta.url))
const muslFolder = fileURLToPath(new URL('../../.cache/musl', import.meta.url))

/**
 * qemu-user passes only 4 bytes of socket options that it doesn't know, such as TCP_INFO. It also passes the kernel's timestamps
 * unconverted, in the byte order of the host.
 */
const underQemu = {
  'what the kernel knows of a connection': /mss undefined/,
  "times of the kernel's own clock": /"user" instead of "kernel"/,
}

function foreignNode(arch, qemu, libraries) {
  const node = join(packages, `node-linux-${arch}/bin/node`)
  return { command: [`qemu-${qemu}-static`, '-L', `/usr/${libraries}`, node], missing: underQemu }
}

/** Node with only the permissions that docs/security.md lists. */
function confinedNode(major) {
  const folders = [root, '/etc', '/proc', '/sys', '/run', '/tmp']
  const flags = [
    major === 20 ? '--experimental-permission' : '--permission',
    '--allow-addons',
    // Older versions don't have this permission.
    ...(major >= 26 ? ['--allow-net'] : []),
    ...folders.map(folder => `--allow-fs-read=${join(folder, '*')}`),
  ]
  return {
    command: [join(packages, `node${major}/bin/node`), ...flags],
    missing: { 'a worker of its own, ended in the middle': /^ERR_ACCESS_DENIED / },
  }
}

/** Its own undici, in the place of the package, ignores dispatchers. */
const missingInBun = { "a dispatcher for undici's own functions": /^ERR_UNSUPPORTED_RUNTIME / }

const musl = { env: { LD_LIBRARY_PATH: muslFolder } }

/** Each runtime has its command, and patterns for the errors of test cases that it may fail. */
export const runtimes = {
  'Node 20': { command: [join(packages, 'node20/bin/node')] },
  'Node 22': { command: [join(packages, 'node22/bin/node')] },
  'Node 24': { command: [join(packages, 'node24/bin/node')] },
  'Node 26': { command: [join(packages, 'node26/bin/node')] },
  'Node 20 with permissions': confinedNode(20),
  'Node 22 with permissions': confinedNode(22),
  'Node 24 with permissions': confinedNode(24),
  'Node 26 with permissions': confinedNode(26),
  'Node 26 on musl': { command: [join(muslFolder, 'node')], ...musl },
  'Node 22 on arm64': foreignNode('arm64', 'aarch64', 'aarch64-linux-gnu'),
  'Node 20 on arm (v7)': foreignNode('armv7l', 'arm', 'arm-linux-gnueabihf'),
  'Node 20 on s390x': foreignNode('s390x', 's390x', 's390x-linux-gnu'),
  'Node 20 on ppc64 (little endian)': foreignNode('ppc64le', 'ppc64le', 'powerpc64le-linux-gnu'),
  Bun: { command: [join(packages, '@oven/bun-linux-x64/bin/bun')], missing: missingInBun },
  'Bun on musl': { command: [join(packages, '@oven/bun-linux-x64-musl/bin/bun')], missing: missingInBun, ...musl },
  Deno: {
    command: [join(packages, '@deno/linux-x64-glibc/deno'), 'run', '--allow-all', '--no-lock'],
    env: { DENO_DIR: join(muslFolder, '../deno'), DENO_NO_UPDATE_CHECK: '1' },
    missing: { 'UDP both ways': /^ERR_UNSUPPORTED_RUNTIME / },
  },
}
