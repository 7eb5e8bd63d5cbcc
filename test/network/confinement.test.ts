import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { lab, needs } from '../lab/index.js'
import { collect, command, objects } from '../unit/cli-process.js'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const probe = [process.execPath, path('confined.mjs')]

/** The output of confined.mjs when it is run by this command. */
async function confined(command: string[]): Promise<Record<string, unknown>> {
  const [file, ...args] = command
  const { stdout } = await promisify(execFile)(file!, args)
  return JSON.parse(stdout)
}

/** Runs a program after a shell script in its own mount namespace. */
const withOwnFiles = (script: string, program = probe) => {
  return ['unshare', '--mount', 'sh', '-ec', `${script}\nexec "$@"`, 'sh', ...program]
}

const everything = {
  datagram: 'reply',
  raw: 'reply',
  auto: 'reply',
  sweep: true,
  trace: true,
  connect: true,
  http: true,
  scan: 'open',
  udp: true,
  resolve: true,
  devices: true,
  watch: true,
  many: [true],
  after: 'reply',
}
const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs']

const permission = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission'

describe('with little privilege', () => {
  needs()

  test('CAP_NET_RAW alone is enough for everything', async () => {
    const sets = ['--bounding-set=-all,+net_raw', '--inh-caps=-all,+net_raw', '--ambient-caps=-all,+net_raw']
    expect(await confined([...nobody, ...sets, ...probe])).toMatchObject(everything)
  })

  test('no capability at all: everything except raw sockets, if ping sockets are allowed', async () => {
    const none = ['--bounding-set=-all', '--inh-caps=-all']
    expect(await confined([...nobody, ...none, ...probe])).toMatchObject({ ...everything, raw: 'EPERM' })
  })

  test('in a user namespace', async () => {
    const own = ['unshare', '--user', '--map-root-user', '--net', 'sh', '-ec', 'ip link set lo up; exec "$@"', 'sh']
    // The sysctl's default forbids ping sockets in a new network namespace.
    expect(await confined([...own, ...probe])).toMatchObject({ ...everything, datagram: 'EACCES' })
  })

  test("with Node's permission model", async () => {
    const [node, script] = probe
    const root = fileURLToPath(new URL('../..', import.meta.url))
    // Read permission for the addon's loader, the library's own files, and the kernel's virtual files.
    const read = [root, '/etc', '/proc', '/sys', '/run', '/tmp'].map(folder => `--allow-fs-read=${folder}/*`)
    expect(
      await confined([node!, permission, '--allow-addons', '--allow-net', ...read, script!].filter(allowed)),
    ).toMatchObject(everything)
  })
})

/** Node 20 to 24 have no network permission, so they don't know its flag. */
function allowed(argument: string): boolean {
  return argument !== '--allow-net' || process.allowedNodeEnvironmentFlags.has('--allow-net')
}

describe('with few resources', () => {
  needs()

  test('32 descriptors: excess calls fail with EMFILE, and the rest continues', async () => {
    expect(await confined(['prlimit', '--nofile=32', ...probe])).toMatchObject({
      ...everything,
      many: ['EMFILE', true],
    })
  })

  test('no locked memory', async () => {
    expect(await confined(['prlimit', '--memlock=0', ...probe])).toMatchObject(everything)
  })

  test('a read-only root file system', async () => {
    expect(await confined(withOwnFiles('mount --bind / / && mount -o remount,bind,ro /'))).toMatchObject(everything)
  })

  test('a full disk: the monitor warns and continues, and the saved state stays intact', async () => {
    const mount = `mount -t tmpfs -o size=32k none '${lab.folder}'`
    const program = [process.execPath, path('full-disk.mjs'), lab.folder]
    expect(await confined(withOwnFiles(mount, program))).toEqual({
      before: [],
      warnings: ['ENOSPC'],
      whole: true,
      left: [],
    })
  })
})

describe('if the addon cannot be loaded, the hint says how to allow it', () => {
  const packageFolder = path('../..')
  const print =
    "require('./dist/index.cjs').device('lo').catch(({ code, hint }) => console.log(JSON.stringify({ code, hint })))"

  test('Node without addons', async () => {
    const program = ['sh', '-c', 'cd "$0" && exec "$@"', packageFolder, process.execPath, '--no-addons', '-e', print]
    const hint = expect.stringContaining('without --no-addons')
    expect(await confined(program)).toEqual({ code: 'ERR_ADDON_NOT_FOUND', hint })
  })

  test('the permission model without a file that the loader asks for', async () => {
    const flags = [permission, '--allow-addons', `--allow-fs-read=${packageFolder}/*`]
    const program = ['sh', '-c', 'cd "$0" && exec "$@"', packageFolder, process.execPath, ...flags, '-e', print]
    const hint = 'start Node with --allow-fs-read=/etc/alpine-release'
    expect(await confined(program)).toEqual({ code: 'ERR_ADDON_NOT_FOUND', hint })
  })

  test('a file system that is mounted noexec', async () => {
    const copied = ['package.json', 'dist', 'prebuilds', 'node_modules/node-gyp-build'].map(
      part => `'${packageFolder}/${part}'`,
    )
    const script = [
      `mount -t tmpfs -o noexec none '${lab.folder}'`,
      `mkdir '${lab.folder}/node_modules'`,
      `cp -r ${copied.slice(0, -1).join(' ')} '${lab.folder}'`,
      `cp -r ${copied.at(-1)} '${lab.folder}/node_modules'`,
      `cd '${lab.folder}'`,
    ].join('\n')
    const hint = expect.stringContaining('without noexec')
    const program = [process.execPath, '-e', print]
    expect(await confined(withOwnFiles(script, program))).toEqual({ code: 'ERR_ADDON_NOT_FOUND', hint })
  })
})

describe("if /proc shows only processes (systemd's ProcSubset=pid)", () => {
  const processesOnly = (...program: string[]) => withOwnFiles('mount -t proc -o subset=pid none /proc', program)

  test('everything works', async () => {
    expect(await confined(processesOnly(...probe))).toMatchObject(everything)
  })

  test('both families are routed', async () => {
    const uplinks = [{ name: 'fibre', device: 'wan1', checks: [{ type: 'ping', host: lab.server.address4 }] }]
    const [file, ...args] = processesOnly(process.execPath, path('routed.mjs'), JSON.stringify(uplinks))
    const child = lab.spawn('router', file!, ...args)
    const [line] = await once(createInterface(child.stdout!), 'line')
    expect(JSON.parse(line)).toMatchObject({ running: true })
    const rules = lab.run('router', 'ip', '-6', 'rule')
    child.kill('SIGTERM')
    await once(child, 'exit')
    expect(rules).not.toBe(lab.run('router', 'ip', '-6', 'rule'))
  })

  test('doctor says what it cannot see', async () => {
    const [file, ...args] = processesOnly(process.execPath, command, 'doctor', '-I', 'wan1', '--json')
    const found = await collect(lab.spawn('router', file!, ...args))
    expect(found.stderr).toBe('')
    expect(objects(found)).toContainEqual(expect.objectContaining({ about: 'wan1: rp_filter', status: 'note' }))
  })
})

describe('without /proc (chroot)', () => {
  const withoutProc = (...program: string[]) => {
    const [file, ...args] = withOwnFiles('mount -t tmpfs none /proc && mount -t tmpfs none /sys', program)
    return lab.spawn('router', file!, ...args)
  }

  test('everything works', async () => {
    expect(
      await collect(withoutProc(process.execPath, command, 'ping', '-I', 'wan2', '-c', '1', lab.server.address4)),
    ).toMatchObject({ code: 0 })
  })

  test('both families are routed', async () => {
    const uplinks = [{ name: 'fibre', device: 'wan1', checks: [{ type: 'ping', host: lab.server.address4 }] }]
    const child = withoutProc(process.execPath, path('routed.mjs'), JSON.stringify(uplinks))
    const [line] = await once(createInterface(child.stdout!), 'line')
    expect(JSON.parse(line)).toMatchObject({ running: true })
    const rules = lab.run('router', 'ip', '-6', 'rule')
    const found = objects(await collect(withoutProc(process.execPath, command, 'doctor', '--json')))
    child.kill('SIGTERM')
    await once(child, 'exit')
    expect(rules).not.toBe(lab.run('router', 'ip', '-6', 'rule'))
    const note = expect.objectContaining({ about: 'routing', status: 'note' })
    expect(found).toEqual(expect.arrayContaining([note, expect.objectContaining({ about: '/proc', status: 'no' })]))
  })

  test('run refuses to start a program, and says what is missing', async () => {
    const ran = await collect(withoutProc(process.execPath, command, 'run', '-I', 'wan2', 'true'))
    expect(ran.stderr).toMatch(/without \/proc it is unknown which sockets the program would inherit; mount -t proc/)
    expect(ran.code).not.toBe(0)
  })
})

describe('under seccomp', () => {
  needs('cc')

  test('the system calls of docs/seccomp.json are enough for everything', async () => {
    const { syscalls } = JSON.parse(readFileSync(path('../../docs/seccomp.json'), 'utf8'))
    const names: string[] = syscalls.flatMap((rule: { names: string[] }) => rule.names)
    const allow = names.map(name => `#ifdef SYS_${name}\nALLOW(SYS_${name}),\n#endif\n`)
    writeFileSync(`${lab.folder}/allowed.h`, allow.join(''))
    const launcher = `${lab.folder}/seccomp`
    execFileSync('cc', ['-I', lab.folder, '-o', launcher, path('seccomp.c')])
    expect(await confined([launcher, ...probe])).toMatchObject(everything)
    const keeping = [process.execPath, path('kept-state.mjs'), `${lab.folder}/state.json`]
    expect(await confined([launcher, ...keeping])).toEqual({ state: 'up', warnings: [] })
    const uplinks = [{ name: 'fibre', device: 'wan1', checks: [{ type: 'ping', host: lab.server.address4 }] }]
    const only = ['bounding-set', 'inh-caps', 'ambient-caps'].map(set => `--${set}=-all,+net_admin`)
    const routed = [process.execPath, path('routed.mjs'), JSON.stringify(uplinks)]
    const before = lab.run('router', 'ip', 'rule')
    const child = lab.spawn('router', nobody[0]!, ...nobody.slice(1), ...only, launcher, ...routed)
    const [line] = await once(createInterface(child.stdout!), 'line')
    expect(JSON.parse(line)).toMatchObject({ running: true })
    child.kill('SIGTERM')
    await once(child, 'exit')
    expect(lab.run('router', 'ip', 'rule')).toBe(before)
    // Check that the filter is active: process.kill isn't allowed.
    expect(() => execFileSync(launcher, [process.execPath, '-e', 'process.kill(1, 0)'], { stdio: 'pipe' })).toThrow(
      /EPERM/,
    )
  })
})
