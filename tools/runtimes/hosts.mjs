// Tests the addon on machines without a JavaScript runtime. The pinned compiler builds a small Node-API host (test/runtimes/host/), which
// runs with Debian's C library for that machine, glibc or musl.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readElf } from '../native/elf.mjs'
import { runZig, zig } from '../native/zig.mjs'
import { root } from '../root.mjs'
import { isolated } from './network.mjs'

const folder = join(root, '.cache/hosts')
const musl = join(dirname(zig()), 'lib/libc/musl')

const hosts = {
  'mips, glibc': {
    arch: 'mips',
    triple: 'mips-linux-gnueabihf.2.36',
    run: ['qemu-mips-static', '-L', '/usr/mips-linux-gnu'],
  },
  'riscv64, glibc': {
    arch: 'riscv64',
    triple: 'riscv64-linux-gnu.2.36',
    run: ['qemu-riscv64-static', '-L', '/usr/riscv64-linux-gnu'],
  },
  'ia32, glibc': { arch: 'ia32', triple: 'x86-linux-gnu.2.36', run: on32Bits() },
  'arm, musl': { arch: 'arm', triple: 'arm-linux-musleabihf', musl: 'arm', debian: 'armhf', qemu: ['qemu-arm-static'] },
  'mipsel, musl': {
    arch: 'mipsel',
    triple: 'mipsel-linux-musleabihf',
    musl: 'mips',
    debian: 'mipsel',
    qemu: ['qemu-mipsel-static'],
  },
  // The processor of the first Raspberry Pi, without newer instructions. Debian's musl for it passes floating-point numbers in other
  // registers, but the host and the addon give it none.
  'arm (v6), musl': {
    arch: 'arm',
    triple: 'arm-linux-musleabihf',
    cpu: 'arm1176jzf_s',
    musl: 'arm',
    debian: 'armel',
    qemu: ['qemu-arm-static', '-cpu', 'arm1176'],
  },
  'loong64, static': { arch: 'loong64', triple: 'loongarch64-linux-musl', run: ['qemu-loongarch64-static'] },
}

/** Runs 32-bit programs natively, or by emulation if the kernel can't run them, as in some virtual machines. */
function on32Bits() {
  const loader = ['/usr/i686-linux-gnu/lib/ld-linux.so.2', '--library-path', '/usr/i686-linux-gnu/lib']
  const { status } = spawnSync(loader[0], ['--version'])
  return status === 0 ? loader : ['qemu-i386-static', ...loader]
}

/** Yields pairs of a name and the failure, if any. */
export function* runHosts() {
  mkdirSync(folder, { recursive: true })
  downloadMusl(Object.values(hosts).flatMap(({ debian }) => debian ?? []))
  for (const [name, host] of Object.entries(hosts)) {
    const make = host.musl ? buildForMusl : name.endsWith('static') ? buildStatic : build
    const program = make(host)
    const loader = host.musl ? [...host.qemu, muslLoader(host.debian), '--preload', 'libc.so'] : host.run
    const addon = join(root, `prebuilds/linux-${host.arch}/netvia.node`)
    const [command, ...args] = isolated([...loader, program, addon])
    const { status, signal, stderr } = spawnSync(command, args, {
      encoding: 'utf8',
      timeout: 60_000,
      killSignal: 'SIGKILL',
    })
    yield [`${name}: loads, opens sockets, moves packets`, status === 0 ? undefined : `${signal ?? status} ${stderr}`]
  }
}

const headers = join(dirname(dirname(process.execPath)), 'include/node')
const sources = ['main.c', 'node-api.c'].map(file => join(root, 'test/runtimes/host', file))
const warnings = ['-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter', '-Wno-unused-command-line-argument']

function build({ arch, triple }) {
  const program = join(folder, `${arch}-host`)
  runZig([
    'cc',
    '-target',
    triple,
    ...warnings,
    '-rdynamic',
    `-I${headers}`,
    ...sources,
    '-ldl',
    '-lpthread',
    '-o',
    program,
  ])
  return program
}

/**
 * Links the compiler's musl statically. It has no dlopen, so test/runtimes/host/loader.c loads the addon. The loader needs a list of
 * the symbols that the addon imports.
 */
function buildStatic({ arch, triple }) {
  const names = readElf(readFileSync(join(root, `prebuilds/linux-${arch}/netvia.node`))).undefinedNames
  const list = join(folder, `${arch}-symbols.c`)
  writeFileSync(
    list,
    `extern char ${names.map(name => `${name}[]`)};
const struct { const char* name; void* address; } symbols[] = {${names.map(name => `{"${name}", ${name}}`)}, {0, 0}};\n`,
  )
  const program = join(folder, `${arch}-host-static`)
  const files = [...sources, join(root, 'test/runtimes/host/loader.c'), list]
  const flags = [...warnings, '-fno-builtin', '-DSTATIC', '-static', `-I${headers}`]
  runZig(['cc', '-target', triple, ...flags, ...files, '-lpthread', '-o', program])
  return program
}

/** The compiler would link its own static musl, without dlopen. So the program imports everything from the loader that runs it. */
function buildForMusl({ arch, triple, cpu = 'baseline', musl: kind }) {
  const target = ['cc', '-target', triple, `-mcpu=${cpu}`, ...warnings]
  const compile = [...target, '-fPIC', '-fno-stack-protector', '-fno-sanitize=all', '-c']
  const inside = [`arch/${kind}`, 'arch/generic', 'src/internal', 'src/include', 'include'].map(
    path => `-I${join(musl, path)}`,
  )
  const objects = ['main.o', 'node-api.o', 'start.o'].map(name => join(folder, `${arch}-${name}`))
  runZig([...compile, `-I${headers}`, sources[0], '-o', objects[0]])
  runZig([...compile, `-I${headers}`, sources[1], '-o', objects[1]])
  runZig([...compile, '-w', ...inside, join(musl, 'crt/Scrt1.c'), '-o', objects[2]])
  const program = join(folder, `${arch}-host`)
  runZig([...target, '-shared', '-nostdlib', '-Wl,-e,_start', ...objects, '-o', program])
  return program
}

function muslLoader(debian) {
  const libraries = join(folder, debian, 'lib')
  return join(
    libraries,
    readdirSync(libraries).find(name => name.startsWith('ld-musl')),
  )
}

/** Downloads Debian's musl for other machines and unpacks it in a separate folder, not into the system. */
function downloadMusl(architectures) {
  const missing = architectures.filter(name => !existsSync(join(folder, name, 'lib')))
  if (missing.length === 0) return
  const apt = join(folder, 'apt')
  for (const part of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(apt, part), { recursive: true })
  const options = [
    `APT::Architectures=amd64,${missing.join(',')}`,
    `Dir::State::lists=${apt}/lists`,
    `Dir::Cache=${apt}/cache`,
    'APT::Sandbox::User=root',
  ].flatMap(option => ['-o', option])
  // One of several package lists may fail to download. The download below fails if a package is missing.
  spawnSync('apt-get', [...options, 'update'], { stdio: 'ignore' })
  for (const name of missing) {
    execFileSync('apt-get', [...options, 'download', `musl:${name}`], {
      cwd: apt,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const file = readdirSync(apt).find(entry => entry.startsWith('musl_') && entry.endsWith(`_${name}.deb`))
    execFileSync('dpkg-deb', ['-x', join(apt, file), join(folder, name)])
  }
}
