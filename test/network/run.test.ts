import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { httpServer, lab, needs } from '../lab/index.js'
import { collect, command } from '../unit/cli-process.js'
import { aptUpdate, wasUpdated, writeRepository } from './apt.js'
import { lateEndServer } from './late-end.js'
import { movedDuring } from './moved.js'
import { asNobody, goProgram, python, run, staticProgram } from './run-programs.js'

needs('nginx', 'dnsmasq', 'cc', 'curl', 'git', 'ping', 'promtool')

const { address4, address6, name } = lab.server
/** A folder of the unprivileged user. */
const folder = join(lab.folder, 'run')
const env = { HOME: folder, GIT_CONFIG_NOSYSTEM: '1' }

/** The link-local addresses of a device of this router. */
const linkLocal = (device: string) =>
  Array.from(
    lab.run('router', 'ip', '-6', '-o', 'addr', 'show', 'dev', device, 'scope', 'link').matchAll(/fe80:[\da-f:]+/g),
    String,
  )

const hasGo = spawnSync('go', ['version']).status === 0

beforeAll(async () => {
  execFileSync('chmod', ['755', lab.folder])
  const git = (...args: string[]) => execFileSync('git', args, { cwd: lab.folder, env: { ...process.env, ...env } })
  mkdirSync(folder)
  mkdirSync(join(folder, '-'))
  writeFileSync(join(folder, '-', 'healthy'), 'ok')
  writeFileSync(join(folder, 'index.html'), 'hello\n')
  writeRepository(join(folder, 'apt'))
  writeFileSync(join(folder, 'one.c'), staticProgram)
  execFileSync('cc', ['-static', '-o', join(folder, 'one'), join(folder, 'one.c')])
  git('init', '-q', 'run/work')
  git('-C', 'run/work', '-c', 'user.name=n', '-c', 'user.email=n@server.test', 'commit', '-q', '--allow-empty', '-mm')
  git('clone', '-q', '--bare', 'run/work', 'run/repository.git')
  git('-C', 'run/repository.git', 'update-server-info')
  chownSync(folder, 65534, 65534)
  const nginx = await lab.nginx(httpServer(`location / { root ${folder}; }`))
  const dns = await lab.dnsmasq()
  return async () => {
    await nginx.stop()
    await dns.stop()
  }
}, 60_000)

describe('an ordinary user sends nothing through wan1', () => {
  test.each<[string, string[]]>([
    ['curl', ['curl', '-sS', '-o', '/dev/null', `http://${name}/`]],
    ['git', ['git', 'clone', '-q', `http://${name}/repository.git`, join(folder, `clone-${process.pid}`)]],
    ['ping', ['ping', '-c', '2', '-i', '0.2', name]],
    ['Python', ['python3', '-c', `import urllib.request as r; r.urlopen('http://${name}/').read()`]],
    ['Node', [process.execPath, '-e', `fetch('http://${name}/').then(r => r.text())`]],
    ['promtool, a Go program', ['sh', '-c', `promtool query instant http://${name} up; true`]],
    ['a static program', [join(folder, 'one'), address4]],
    ["a shell's child", ['sh', '-c', `(curl -sS -o /dev/null http://${name}/ & wait) | cat`]],
  ])('%s', async (_, words) => {
    const moved = await movedDuring(async () => {
      expect(await run(words, { env })).toMatchObject({ code: 0 })
    })
    expect(moved.wan1).toBe(0)
    expect(moved.wan2).toBeGreaterThan(1)
  })

  test.each([address4, address6])('the last acknowledgement to %s, after the program has ended', async host => {
    const server = await lateEndServer(7009)
    const moved = await movedDuring(async () => {
      await run(['python3', '-c', `import socket; socket.create_connection(('${host}', 7009)).close()`], { env })
      await server.end()
    })
    expect(moved.wan1).toBe(0)
    await server.isAcknowledged()
  })

  test('apt-get, whose methods are separate processes', async () => {
    const own = join(lab.folder, 'apt-nobody')
    const words = aptUpdate(own, `http://${name}/apt`, 'root')
    execFileSync('chown', ['-R', '65534', own])
    const moved = await movedDuring(async () => {
      expect(await run(words, { env })).toMatchObject({ code: 0 })
    })
    expect(wasUpdated(own)).toBe(true)
    expect(moved.wan1).toBe(0)
  })

  if (hasGo) {
    test('a static Go program', { timeout: 300_000 }, async () => {
      writeFileSync(join(folder, 'one.go'), goProgram)
      execFileSync('go', ['build', '-o', join(folder, 'go'), join(folder, 'one.go')], {
        env: { ...process.env, CGO_ENABLED: '0', GO111MODULE: 'off', GOCACHE: join(lab.folder, 'go-cache') },
      })
      const moved = await movedDuring(async () => {
        expect(await run([join(folder, 'go'), `${name}:80`])).toMatchObject({ stdout: 'HTTP/1.1 200', code: 0 })
      })
      expect(moved.wan1).toBe(0)
    })
  }

  test("and neither do apt-get's methods, which root runs as another user", async () => {
    const own = join(lab.folder, 'apt-root')
    const words = aptUpdate(own, `http://${name}/apt`, '_apt')
    execFileSync('chown', ['-R', '_apt', own])
    const moved = await movedDuring(async () => {
      expect(await run(words, { before: [] })).toMatchObject({ code: 0 })
    })
    expect(wasUpdated(own)).toBe(true)
    expect(moved.wan1).toBe(0)
  })

  test('and neither does root, with a ping that requests another device', async () => {
    const moved = await movedDuring(async () => {
      const { code, stderr } = await run(['ping', '-c', '1', '-I', 'wan1', address4], { before: [] })
      expect(code).toBe(2)
      expect(stderr).toContain('Operation not permitted')
    })
    expect(moved).toEqual({ wan1: 0, wan2: 0 })
  })
})

describe('this machine', () => {
  test.each(['127.0.0.1', '::1'])('a TCP server at %s is reached, and only through lo', async host => {
    const server = createServer(socket => socket.end('hello')).listen(0, host)
    onTestFinished(() => void server.close())
    await new Promise(resolve => server.once('listening', resolve))
    const { port } = server.address() as { port: number }
    const script = `s = socket.create_connection(('${host}', ${port})); print(device(s), s.recv(9).decode())`
    const moved = await movedDuring(async () => {
      expect(await run(python(script))).toMatchObject({ stdout: 'lo hello\n', stderr: '' })
    })
    expect(moved).toEqual({ wan1: 0, wan2: 0 })
  })

  test("the program's own server on loopback is reached by its other sockets", async () => {
    const script = `
l = socket.socket(); l.setsockopt(1, 2, 1); l.bind(('127.0.0.1', 0)); l.listen()
s = socket.create_connection(l.getsockname()); a, _ = l.accept()
s.send(b'x'); print(a.recv(1), device(l), device(s))`
    expect((await run(python(script))).stdout).toBe("b'x' lo lo\n")
  })

  test.each([
    ['root', []],
    ['a user', asNobody],
  ])(
    'a server that finds its loopback address in use, and listens on all, hears the network: %s',
    async (_, before) => {
      const script = `
used = socket.create_server(('127.0.0.1', 0)); s = socket.socket()
print(attempt(lambda: s.bind(used.getsockname()))); s.bind(('', 0)); print(device(s))`
      expect((await run(python(script), { before })).stdout).toBe('Address already in use\nwan2\n')
    },
  )

  test('a second bind(2), which the kernel refuses, moves no socket', async () => {
    const script = `
s = udp(); s.connect(('${address4}', 9)); t = udp(); t.connect(('127.0.0.1', 9))
print(attempt(lambda: s.bind(('127.0.0.1', 0))), device(s), attempt(lambda: t.bind(('', 0))), device(t))`
    expect((await run(python(script))).stdout).toBe('Invalid argument wan2 Invalid argument lo\n')
  })

  test('a message whose address has a longer buffer than any address', async () => {
    const script = `
address = ctypes.create_string_buffer(struct.pack('=H', 2) + struct.pack('!H', 9) + socket.inet_aton('127.0.0.1'), 256)
message = struct.pack('@PIPQPQi4x', ctypes.addressof(address), 256, 0, 0, 0, 0, 0)
s = udp(); print(c.sendmsg(s.fileno(), message, 0), device(s))`
    expect((await run(python(script))).stdout).toBe('0 lo\n')
  })

  test('a datagram socket switches to loopback and back, and keeps its port', async () => {
    const script = `
s = udp(); s.bind(('', 0)); port = s.getsockname()[1]
s.sendto(b'x', ('127.0.0.1', 9)); one = device(s)
s.sendmsg([b'x'], [], 0, ('${address4}', 9)); two = device(s)
print(one, two, s.getsockname()[1] == port)`
    const moved = await movedDuring(async () => {
      expect((await run(python(script))).stdout).toBe('lo wan2 True\n')
    })
    expect(moved.wan1).toBe(0)
  })

  test.each([
    ['root', []],
    ['a user', asNobody],
  ])(
    'a datagram server on loopback hears its clients after a disconnect and after a refused packet: %s',
    async (_, before) => {
      const script = `
for host, far, family in (('127.0.0.1', '${address4}', 2), ('::1', '${address6}', 10)):
  s, t = socket.socket(family, 2), socket.socket(family, 2); s.settimeout(9); t.bind((host, 0))
  s.bind((host, 20000 + os.getpid() % 9999)); s.connect(t.getsockname()); here = s.getsockname()
  print(c.connect(s.fileno(), bytes(28), 28)); t.sendto(b'x', here); print(s.recv(9))
  print(attempt(lambda: s.sendto(b'x', (far, 9)))); t.sendto(b'x', here); print(s.recv(9))`
      const each = "0\nb'x'\nInvalid argument\nb'x'\n"
      const moved = await movedDuring(async () => {
        expect((await run(python(script), { before })).stdout).toBe(each.repeat(2))
      })
      expect(moved).toEqual({ wan1: 0, wan2: 0 })
    },
  )

  test('a stream of a user can be disconnected from loopback, and keeps its address', async () => {
    const script = `
l = socket.create_server(('127.0.0.1', 0)); s = socket.socket(); s.setsockopt(1, 2, 1)
s.bind(('127.0.0.1', 20000 + os.getpid() % 9999)); name = s.getsockname(); s.connect(l.getsockname())
print(c.connect(s.fileno(), bytes(16), 16), s.getsockname() == name, attempt(lambda: s.connect(l.getsockname())))`
    expect((await run(python(script))).stdout).toBe('0 True done\n')
  })
})

test('a disconnected datagram socket stays on the device', async () => {
  const script = `
s = udp(); s.connect(('${address4}', 9)); c.connect(s.fileno(), bytes(16), 16)
print(device(s), s.getsockname()[0], attempt(s.getpeername))`
  // On disconnect, the kernel unbinds the socket. Without netvia it would have no device.
  expect((await run(python(script))).stdout).toBe('wan2 0.0.0.0 Transport endpoint is not connected\n')
})

test("exit codes and signals are the program's", async () => {
  expect(await run(['sh', '-c', 'cat; exit 9'], { input: 'in' })).toMatchObject({ code: 9, stdout: 'in' })
  expect(await run(['sh', '-c', 'kill -TERM $$'])).toMatchObject({ code: null, signal: 'SIGTERM' })
  expect(await run(['/no/such'])).toMatchObject({ code: 127, stderr: expect.stringContaining('ENOENT') })
  expect(await run(['/etc/passwd'])).toMatchObject({ code: 126, stderr: expect.stringContaining('EACCES') })
  expect(await run(['true'], { device: 'nowhere' })).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('ENODEV'),
  })
})

test.each([13, 25, 34])(
  'signal %i, which Node ignores or has no name for, ends netvia like the program',
  async signal => {
    const show = 'import subprocess, sys; print(subprocess.call(sys.argv[1:]))'
    const { stdout } = await run(['sh', '-c', `kill -${signal} $$`], { before: ['python3', '-c', show] })
    expect(stdout).toBe(`-${signal}\n`)
  },
)

test('netvia forwards signals to the program, which handles them', async () => {
  const words = ['sh', '-c', 'trap "exit 7" TERM; echo ready; while :; do sleep 0.1; done']
  const child = spawn(process.execPath, [command, 'run', '-I', 'wan2', '--', ...words])
  child.stdout.once('data', () => child.kill('SIGTERM'))
  expect(await collect(child)).toMatchObject({ code: 7 })
})

test('without netvia, the program cannot open more sockets', async () => {
  const script = `
os.kill(os.getppid(), 9)
for i in range(100):
  said = attempt(lambda: udp().sendto(b'x', ('${address4}', 9)))
  if said == 'Function not implemented': break
  time.sleep(.05)
print(said)`
  expect((await run(python(script))).stdout).toBe('Function not implemented\n')
})

/** The list in docs/run.md. */
describe('refused', () => {
  test.each<[what: string, script: string, said: string]>([
    ['packet sockets', 'socket.socket(17, 3, 0)', 'Address family not supported by protocol'],
    ['multipath TCP', 'socket.socket(2, 1, 262)', 'Protocol not supported'],
    ['SCTP', 'socket.socket(2, 1, 132)', 'Protocol not supported'],
    ['another device', "udp().setsockopt(1, 25, b'wan1')", 'Operation not permitted'],
    ['no device', "udp().setsockopt(1, 25, b'')", 'Operation not permitted'],
    ['a device by index', 'udp().setsockopt(1, 62, 1)', 'Operation not permitted'],
    ['a group', `udp().setsockopt(0, 35, socket.inet_aton('239.1.2.3') + bytes(4))`, 'Operation not permitted'],
    [
      'a group of one source',
      `udp().setsockopt(0, 39, socket.inet_aton('232.1.2.3') + bytes(4) + socket.inet_aton('${address4}'))`,
      'Operation not permitted',
    ],
    [
      'a group by protocol-independent option',
      `udp().setsockopt(0, 42, bytes(8) + b'\\2\\0\\0\\0' + socket.inet_aton('239.1.2.3') + bytes(120))`,
      'Operation not permitted',
    ],
    ['a short life of closed connections', 'socket.socket(10).setsockopt(6, 8, 30)', 'Operation not permitted'],
    [
      'an IPv6 group',
      `socket.socket(10, 2).setsockopt(41, 20, socket.inet_pton(10, 'ff05::7') + bytes(4))`,
      'Operation not permitted',
    ],
  ])('%s, to root too', async (_, script, said) => {
    expect((await run(python(`print(attempt(lambda: ${script}))`), { before: [] })).stdout).toBe(`${said}\n`)
  })

  test('without end, is not reported without end', async () => {
    // More often than once, because reports may be lost that the program makes faster than they are read.
    const script = `
s = udp()
for i in list(range(2000)) * 40: attempt(lambda: s.sendto(b'x', ('127.1.%d.%d' % (i >> 8, i & 255), 53)))`
    const { stderr } = await run(python(script))
    const lines = stderr.split('\n')
    expect(lines).toHaveLength(1002)
    expect(lines[999]).toContain('refused a DNS question to 127.1.')
    expect(lines[1000]).toBe('netvia: no more refusals are reported')
  })

  const otherDevice =
    'netvia: python3: refused a packet or an address that names another device than wan2 (IP_PKTINFO, or a zone)\n'

  test('a packet that names wan1, which SO_BINDTODEVICE does not prevent', async () => {
    const send = `udp().sendmsg([b'x'], [(0, 8, index('wan1'))], 0, ('${address4}', 9))`
    const moved = await movedDuring(async () => {
      const { stdout, stderr } = await run(python(`print(attempt(lambda: ${send}))`))
      expect(stdout).toBe('Operation not permitted\n')
      expect(stderr).toBe(otherDevice)
    })
    expect(moved.wan1).toBe(0)
  })

  test.each([
    ['a packet to', `udp6().sendto(b'x', (group, 9, 0, wan1))`],
    ['a message to', `udp6().sendmsg([b'x'], [], 0, (group, 9, 0, wan1))`],
    ['a raw packet to', `socket.socket(10, 3, 58).sendto(bytes([128, 0, 0, 0, 0, 1, 0, 1]), (group, 0, 0, wan1))`],
    ['a packet of a socket that was on loopback to', `at('::1', 9).sendto(b'x', (group, 9, 0, wan1))`],
    ['a socket bound to', `bound((group, 0, 0, wan1)).sendto(b'x', ('ff02::7', 9))`],
    ['a socket bound to an address of', `bound((own, 0, 0, wan1)).sendto(b'x', ('ff02::7', 9))`],
    ['a stream bound to an address of', `bound((own, 0, 0, wan1), 1).connect(('${address6}', 80))`],
  ])('%s the zone of wan1, which takes precedence over SO_BINDTODEVICE', async (_, send) => {
    const [own] = linkLocal('wan1')
    const script = `
group, own, wan1 = 'ff02::7', '${own}', socket.if_nametoindex('wan1')
def udp6(): return socket.socket(10, 2)
def at(*to): s = udp6(); s.sendto(b'x', to); return s
def bound(to, kind=2): s = socket.socket(10, kind); s.bind(to); return s
print(attempt(lambda: ${send}))`
    const moved = await movedDuring(async () => {
      const { stdout, stderr } = await run(python(script), { before: [] })
      expect(stdout).toBe('Operation not permitted\n')
      expect(stderr).toBe(otherDevice)
    })
    expect(moved.wan1).toBe(0)
  })

  test("the device's own zone is allowed", async () => {
    const script = `
s = socket.socket(10, 2); s.bind(('${linkLocal('wan2')[0]}', 0, 0, socket.if_nametoindex('wan2')))
s.sendto(b'x', ('ff02::7', 9, 0, socket.if_nametoindex('wan2'))); print(device(s))`
    const moved = await movedDuring(async () => {
      expect(await run(python(script))).toMatchObject({ code: 0, stdout: 'wan2\n', stderr: '' })
    })
    expect(moved).toMatchObject({ wan1: 0, wan2: 1 })
  })

  test('raw sockets only without CAP_NET_RAW, however many groups the program is in', async () => {
    const script = 'os.setgroups(list(range(10**5, 10**5 + 2000))); print(attempt(lambda: socket.socket(2, 3, 1)))'
    expect((await run(python(script), { before: [] })).stdout).toBe('done\n')
  })

  test('raw sockets for an unprivileged program, whatever privileges netvia has', async () => {
    const script = 'os.setgid(65534); os.setuid(65534); print(attempt(lambda: socket.socket(2, 3, 1)))'
    expect((await run(python(script), { before: [] })).stdout).toBe('Operation not permitted\n')
  })

  test.runIf(['x64', 'arm64'].includes(process.arch))('io_uring, and sockets of other processes', async () => {
    const script = `
for number, words in ((425, (1, 0)), (438, (0, 0, 0))): c.syscall(number, *words); print(os.strerror(ctypes.get_errno()))`
    expect((await run(python(script))).stdout).toBe('Function not implemented\nOperation not permitted\n')
  })

  // The second is proot's.
  test.each([-1, -2, -(2 ** 31)])(
    'a call that a tracer cancels by the number %i fails as without netvia',
    async number => {
      const script = `print(c.syscall(${number}), os.strerror(ctypes.get_errno()))`
      expect(await run(python(script))).toMatchObject({ stdout: '-1 Function not implemented\n', stderr: '', code: 0 })
    },
  )

  test('a filter of the program itself kills it: netvia blames no ABI', async () => {
    // Installs a filter that only returns SECCOMP_RET_KILL_PROCESS, by prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER).
    const script = `
code = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 0x80000000), 8)
c.prctl(22, 2, ctypes.create_string_buffer(struct.pack('HxxxxxxP', 1, ctypes.addressof(code)), 16))`
    expect(await run(python(script))).toMatchObject({
      signal: 'SIGSYS',
      stderr: expect.stringContaining('or one that a filter of its own refuses'),
    })
  })

  test.runIf(process.arch === 'x64')('x32 system calls: the program is killed', async () => {
    expect(await run(python('c.syscall(0x40000000 + 39)'))).toMatchObject({
      signal: 'SIGSYS',
      stderr: expect.stringContaining('another ABI'),
    })
  })

  test('a DNS question to this machine, unless it is allowed', async () => {
    const ask = python(`print(attempt(lambda: udp().sendto(b'x', ('127.0.0.53', 53))))`)
    const { stdout, stderr } = await run(ask)
    expect(stdout).toBe('Connection refused\n')
    expect(stderr).toMatch(/^netvia: python3: refused a DNS question to 127\.0\.0\.53, .* --local-resolver\n$/)
    expect(await run(ask, { flags: ['--local-resolver'] })).toMatchObject({ stdout: 'done\n', stderr: '' })
  })

  test('name services at local sockets, unless they are allowed', async () => {
    const script = `
os.mkdir('/run/nscd'); l = socket.socket(1, 1); l.bind('/run/nscd/socket'); l.listen()
print(attempt(lambda: socket.socket(1, 1).connect('/run/nscd/socket')))`
    const before = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /run && exec "$@"', 'sh']
    const { stdout, stderr } = await run(python(script), { before })
    expect(stdout).toBe('No such file or directory\n')
    expect(stderr).toContain('refused a question to /run/nscd/socket')
    expect((await run(python(script), { before, flags: ['--local-resolver'] })).stdout).toBe('done\n')
  })

  test('a socket as standard input', async () => {
    const words = [...asNobody, process.execPath, command, 'run', '-I', 'wan2', '--', 'true']
    const child = spawn('bash', ['-c', `"$@" </dev/tcp/${address4}/80`, 'bash', ...words])
    expect(await collect(child)).toMatchObject({ code: 4, stderr: expect.stringContaining('descriptor 0 is a socket') })
  })

  test('a packet socket as another descriptor', async () => {
    const pass = `import os, socket, sys; s = socket.socket(17, 3); os.dup2(s.fileno(), 200); os.execvp(sys.argv[1], sys.argv[1:])`
    const before = ['python3', '-c', pass]
    expect(await run(['true'], { before })).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('is a socket that'),
    })
  })

  test('sockets after the device was deleted', async () => {
    lab.run('router', 'ip', 'link', 'add', 'gone', 'type', 'veth', 'peer', 'name', 'gone-too')
    const script = `
moved, connected = udp(), udp(); moved.sendto(b'x', ('127.0.0.1', 9)); connected.connect(('127.0.0.1', 9))
def disconnect():
  if c.connect(connected.fileno(), bytes(16), 16): raise OSError(0, os.strerror(ctypes.get_errno()))
os.system('ip link delete gone')
print(attempt(udp), attempt(lambda: moved.sendto(b'x', ('${address4}', 9))), attempt(disconnect), sep='\\n')`
    const { stdout, stderr } = await run(python(script), { before: [], device: 'gone' })
    expect(stdout).toBe('No such device\n'.repeat(3))
    expect(stderr).toContain('there is no device gone')
  })

  test('addresses of a program whose memory is not readable', async () => {
    const script = `c.prctl(4, 0, 0, 0, 0); print(attempt(lambda: udp().connect(('${address4}', 9))))`
    const { stdout, stderr } = await run(python(script))
    expect(stdout).toBe('Operation not permitted\n')
    expect(stderr).toContain('hides this process')
  })
})
