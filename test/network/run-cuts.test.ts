// Connections of a program whose uplink goes down.
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { httpServer, lab, needs } from '../lab/index.js'
import { collect } from '../unit/cli-process.js'
import { beginRun, python, type RunOptions, said, uplinks } from './run-programs.js'

needs('nginx', 'curl')

const { address4 } = lab.server
const both = ['name: one, device: wan1', 'name: two, device: wan2, priority: 2']
const silent = () => lab.fault('isp1', 'tcp dport 80 drop')
/** The error depends on how the kernel wakes the program: in a blocking call or in epoll. */
const reset = /^(Connection reset by peer|Broken pipe)$/m

const hasGo = spawnSync('go', ['version']).status === 0
let server: { stop(): Promise<void> }

beforeAll(async () => {
  writeFileSync(join(lab.folder, 'long'), Buffer.alloc(2_000_000, 'netvia'))
  lab.run('router', 'chmod', '777', lab.folder)
  server = await lab.nginx(httpServer(`location / { root ${lab.folder}; limit_rate 400k; }`))
})

afterAll(() => server.stop())

/** Runs a program that prints a line when it is connected. Then calls `breakIt`. */
async function broken(words: string[], breakIt: () => unknown, options: RunOptions = {}) {
  const child = beginRun(words, { config: uplinks(both), flags: ['-v'], ...options })
  const ended = collect(child)
  await once(child.stdout, 'data')
  await breakIt()
  return { child, ended }
}

const connected = `
def tcp(): return socket.create_connection(('${address4}', 80))
def end(s):
  try: s.recv(1)
  except OSError as error: return error.strerror
  return 'looks complete'
def connect():
  s = tcp(); print(device(s), flush=True); return s
`

test('a program that waits for data gets an error, and its next connection works', async () => {
  const script = `${connected}
print(end(connect())); print(device(tcp()))`
  const { ended } = await broken(python(script), silent)
  const { stdout, stderr } = await ended
  expect(stdout).toMatch(/^wan1\n(Broken pipe|Connection reset by peer)\nwan2\n$/)
  expect(stderr).toMatch(/^netvia: one: up -> down \(.*\)\nnetvia: one: reset 1 connection\n/m)
})

test('curl in a loop', async () => {
  const got = join(lab.folder, 'got-by-curl')
  // curl writes a message in pieces, between which netvia may write its own.
  const errors = join(lab.folder, 'errors-of-curl')
  const curl = `curl -sS -o ${got} -w '%{local_ip}\\n' http://${address4}/long 2>>${errors}`
  const { ended } = await broken(
    ['sh', '-c', `echo begun; until ${curl}; do :; done; cmp ${got} ${lab.folder}/long`],
    async () => {
      await vi.waitUntil(() =>
        lab.run('router', 'ss', '-tnH', 'src', lab.wan1.address4, 'dport', '80').includes('ESTAB'),
      )
      silent()
    },
  )
  const { code, stdout } = await ended
  expect(stdout).toBe(`begun\n${lab.wan1.address4}\n${lab.wan2.address4}\n`)
  expect(readFileSync(errors, 'utf8')).toMatch(
    /^curl: \(5[56]\) (Recv|Send) failure: (Broken pipe|Connection reset by peer)$/m,
  )
  expect(code).toBe(0)
})

if (hasGo) {
  test('a static Go program', { timeout: 300_000 }, async () => {
    const program = join(lab.folder, 'waits')
    writeFileSync(
      `${program}.go`,
      `package main
import ("fmt"; "net"; "os")
func main() {
  to, err := net.Dial("tcp", os.Args[1])
  if err != nil { fmt.Println(err); os.Exit(1) }
  fmt.Println("connected")
  _, err = to.Read(make([]byte, 1))
  fmt.Println(err)
}`,
    )
    execFileSync('go', ['build', '-o', program, `${program}.go`], {
      env: { ...process.env, CGO_ENABLED: '0', GO111MODULE: 'off', GOCACHE: join(lab.folder, 'go-cache') },
    })
    const { ended } = await broken([program, `${address4}:80`], silent)
    expect((await ended).stdout).toContain('read: connection reset by peer')
  })
}

test('Node, which waits with epoll', async () => {
  const script = `require('net').connect(80, '${address4}', () => console.log('connected'))
    .on('error', error => console.log(error.code)).on('end', () => console.log('looks complete'))`
  const { ended } = await broken([process.execPath, '-e', script], silent)
  expect((await ended).stdout).toBe('connected\nECONNRESET\n')
})

describe('processes', () => {
  test('a daemon with the connection of its ended parent', async () => {
    const script = `${connected}
s = connect(); done, write = os.pipe()
if os.fork() == 0:
  os.setsid()
  if os.fork(): os._exit(0)
  os.write(write, end(s).encode()); os._exit(0)
s.close(); print(os.read(done, 99).decode())`
    const { ended } = await broken(python(script), silent)
    expect((await ended).stdout).toMatch(reset)
  })

  test('several that share a connection: it is cut once', async () => {
    const script = `${connected}
s = connect(); os.fork(); print(end(s), flush=True)`
    const { ended } = await broken(python(script), silent)
    const { stderr } = await ended
    expect(stderr).toContain('one: reset 1 connection\n')
  })

  test('a connection that the program closes ends immediately, not with the uplink', async () => {
    const script = `${connected}
connect().close(); sys.stdin.readline()`
    const { child, ended } = await broken(python(script), () => {
      const open = () =>
        lab.run('router', 'ss', '-tnH', 'state', 'established', 'src', lab.wan1.address4, 'dport', '80')
      return vi.waitUntil(() => !open().includes('wan1'))
    })
    child.stdin.end('\n')
    expect((await ended).code).toBe(0)
  })
})

describe('connections that stay', () => {
  const after = `
def state(s):
  try: s.recv(1, socket.MSG_DONTWAIT)
  except BlockingIOError: return 'open'
  except OSError as error: return error.strerror
  return 'looks complete'`

  test('listening, datagram and unconnected sockets, and those through other uplinks', async () => {
    const script = `${connected}${after}
u = udp(); u.connect(('${address4}', 9)); l = socket.socket(); l.bind(('', 0)); l.listen(); n = socket.socket()
old = connect(); sys.stdin.readline()
print(state(old), device(u), u.getpeername()[1], l.getsockopt(1, 30), device(n))
sys.stdin.readline()`
    const { child, ended } = await broken(python(script), silent)
    await said(child.stderr, 'reset')
    child.stdin.end('\n\n')
    expect((await ended).stdout).toBe('wan1\nConnection reset by peer wan1 9 1 wan1\n')
  })

  test("those of the user's other programs, also under another netvia run", async () => {
    const waits = python(`${connected}${after}
s = connect(); sys.stdin.readline(); print(state(s))`)
    const bound = python(`${connected}${after}
s = socket.socket(); s.setsockopt(1, 25, b'wan1'); s.connect(('${address4}', 80)); print('connected', flush=True)
sys.stdin.readline(); print(state(s))`)
    const other = await broken(waits, () => {}, { flags: ['--no-cut-connections'] })
    const free = lab.spawn('router', bound[0]!, ...bound.slice(1))
    const freeEnded = collect(free)
    await once(free.stdout!, 'data')
    const { child, ended } = await broken(waits, silent, { before: [] })
    await said(child.stderr, 'reset 1 connection')
    for (const { stdin } of [child, other.child, free]) stdin!.end('\n')
    expect((await ended).stdout).toBe('wan1\nConnection reset by peer\n')
    expect((await other.ended).stdout).toBe('wan1\nopen\n')
    expect((await freeEnded).stdout).toBe('connected\nopen\n')
  })

  test('those without another working uplink, until one works', async () => {
    const script = `${connected}${after}
s = connect(); sys.stdin.readline(); print(state(s), flush=True); print(end(s))`
    const { child, ended } = await broken(python(script), () => {})
    const repair = lab.fault('isp2', 'tcp dport 80 drop')
    await said(child.stderr, 'two: up -> down')
    silent()
    await said(child.stderr, 'one: up -> down')
    child.stdin.end('\n')
    await once(child.stdout, 'data')
    repair()
    expect((await ended).stdout).toMatch(/^wan1\nopen\n(Broken pipe|Connection reset by peer)\n$/)
  })

  test('those whose device another working uplink uses', async () => {
    const port = (name: string, port: number) =>
      `name: ${name}, device: wan1, checks: [{ type: tcp, host: ${address4}, port: ${port} }]`
    const script = `${connected}${after}
s = connect(); sys.stdin.readline(); print(state(s))`
    const { child, ended } = await broken(python(script), () => {}, {
      config: uplinks([port('one', 443), port('also', 80)]),
    })
    const repair = lab.fault('isp1', 'tcp dport 443 drop')
    await said(child.stderr, 'one: up -> down')
    repair()
    await said(child.stderr, 'one: down -> ')
    child.stdin.end('\n')
    expect((await ended).stdout).toBe('wan1\nopen\n')
  })
})

test('a deleted device', async () => {
  const stick = lab.addDevice('stick')
  const script = `${connected}
print(end(connect())); print(device(tcp()))`
  const config = uplinks(['name: stick, device: stick', 'name: two, device: wan2, priority: 2'])
  const { ended } = await broken(python(script), () => stick.remove(), { config })
  expect((await ended).stdout).toMatch(/^stick\n(Broken pipe|Connection reset by peer)\nwan2\n$/)
})

test('a pulled cable', async () => {
  const cable = lab.addDevice('cable')
  const script = `${connected}
print(end(connect())); print(device(tcp()))`
  const config = uplinks(['name: cable, device: cable', 'name: two, device: wan2, priority: 2'])
  const down = () => lab.run('internet', 'ip', 'link', 'set', cable.device, 'down')
  const { ended } = await broken(python(script), down, { config })
  expect((await ended).stdout).toMatch(/^cable\n(Broken pipe|Connection reset by peer)\nwan2\n$/)
})
