import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { httpServer, lab, needs } from '../lab/index.js'
import { collect, netvia } from '../unit/cli-process.js'
import { movedDuring } from './moved.js'
import { beginRun, python, run, said, uplinks } from './run-programs.js'

needs('nginx', 'dnsmasq', 'curl')

const { address4, name } = lab.server
const servers: { stop(): Promise<void> }[] = []

const locations = `
location / { return 200 "$remote_addr"; }
location /long { root ${lab.folder}; limit_rate 400k; }`

beforeAll(async () => {
  writeFileSync(join(lab.folder, 'long'), Buffer.alloc(2_000_000))
  lab.run('router', 'chmod', '755', lab.folder)
  servers.push(await lab.nginx(httpServer(locations)), await lab.dnsmasq())
})

afterAll(async () => {
  for (const server of servers) await server.stop()
})

const both = ['name: one, device: wan1', 'name: two, device: wan2, priority: 2']
const unplugged = () => lab.fault('isp1', 'tcp dport 80 drop')
const printDevice = python('print(device(udp()))')

describe('failover', () => {
  test('uses the preferred uplink, and prints nothing itself', async () => {
    expect(await run(printDevice, { config: uplinks(both) })).toMatchObject({ code: 0, stdout: 'wan1\n', stderr: '' })
  })

  test('waits for the first verdict on each: a silent preferred uplink is not used', async () => {
    unplugged()
    const curl = ['curl', '-sS', '--max-time', '10', `http://${address4}/`]
    expect(await run(curl, { config: uplinks(both) })).toMatchObject({ stdout: lab.wan2.address4, stderr: '' })
  })

  test("only the uplinks' devices are used, names included", async () => {
    const moved = await movedDuring(async () => {
      const words = ['curl', '-sS', '--max-time', '10', `http://${name}/`]
      expect(await run(words, { config: uplinks(both.slice(1)) })).toMatchObject({ code: 0 })
    })
    expect(moved.wan1).toBe(0)
  })

  test('a download whose uplink dies is repeated over the other', async () => {
    const words = ['curl', '-sS', '--retry', '5', '--retry-all-errors', '--retry-delay', '1']
    const child = beginRun([...words, '-w', '%{local_ip}', '-o', join(lab.folder, 'got'), `http://${address4}/long`], {
      config: uplinks(both),
      before: [],
    })
    const ended = collect(child)
    const open = () => lab.run('router', 'ss', '-tnH', 'src', lab.wan1.address4, 'dport', '80').includes('ESTAB')
    await vi.waitUntil(open, 10_000)
    await sleep(500)
    unplugged()
    expect(await ended).toMatchObject({ code: 0, stdout: lab.wan2.address4 })
  })

  test('an open socket keeps its uplink, and new ones use the other', async () => {
    const script = `
one = udp(); print(device(one), flush=True); sys.stdin.readline()
two = udp(); print(device(one), device(two)); sys.exit(9)`
    const child = beginRun(python(script), { config: uplinks(both), flags: ['-v'] })
    const ended = collect(child)
    await once(child.stdout, 'data')
    unplugged()
    await said(child.stderr, 'one: up -> down')
    child.stdin.end('\n')
    const { stdout, code } = await ended
    expect(stdout).toBe('wan1\nwan1 wan2\n')
    expect(code).toBe(9)
  })
})

test('without a working uplink, sockets fail with the reason until one works again', async () => {
  const repair = lab.fault('isp1', 'tcp dport 80 drop')
  const script = `
print(attempt(udp), flush=True)
for i in range(200):
  if attempt(udp) == 'done': break
  time.sleep(.1)
print(device(udp()))`
  const child = beginRun(python(script), { config: uplinks(both.slice(0, 1)) })
  const ended = collect(child)
  child.stdin.end()
  await once(child.stdout, 'data')
  repair()
  const { stdout, stderr } = await ended
  expect(stdout).toBe('Network is down\nwan1\n')
  expect(stderr).toMatch(/^netvia: python3: refused a socket: no uplink works: one \(2 bad rounds in a row: .*\)\n$/)
})

describe('weighted', () => {
  test('connections are distributed by weight, regardless of datagram sockets in between', async () => {
    const script = `
def tcp(): udp(); return device(socket.socket())
print(' '.join(tcp() for i in range(8)))`
    const config = uplinks(['name: one, device: wan1, weight: 3', 'name: two, device: wan2'])
    const { stdout } = await run(python(script), { config, flags: ['--policy', 'weighted'] })
    expect(stdout).toBe('wan1 wan1 wan2 wan1 wan1 wan1 wan2 wan1\n')
  })

  test('with weights above a thousand', async () => {
    const script = `
count = {'wan1': 0, 'wan2': 0}
for i in range(2000): s = udp(); count[device(s)] += 1; s.close()
print(count)`
    const config = uplinks(['name: one, device: wan1, weight: 999999', 'name: two, device: wan2, weight: 333333'])
    const { stdout } = await run(python(script), { config, flags: ['--policy', 'weighted'] })
    expect(stdout).toBe("{'wan1': 1500, 'wan2': 500}\n")
  })
})

test('lowest-latency follows what the checks measure', async () => {
  const slow = join(lab.folder, 'slow')
  writeFileSync(slow, '/two')
  const server = `require('node:http').createServer(({ url }, response) => {
    const delay = require('node:fs').readFileSync('${slow}', 'utf8') === url ? 60 : 0
    setTimeout(() => response.end(), delay)
  }).listen(8081, '${address4}', () => console.log('ready'))`
  const child = lab.spawn('internet', process.execPath, '-e', server)
  await once(child.stdout!, 'data')
  const checks = (path: string) => `checks: [{ type: http, url: 'http://${address4}:8081/${path}' }]`
  const config = uplinks(
    [`name: one, device: wan1, ${checks('one')}`, `name: two, device: wan2, ${checks('two')}`],
    'window: 1s',
  )
  const script = `
def wait(name):
  for i in range(200):
    if device(udp()) == name: break
    time.sleep(.1)
  print(device(udp()), flush=True)
wait('wan1'); sys.stdin.readline(); wait('wan2')`
  const program = beginRun(python(script), { config, flags: ['--policy', 'lowest-latency'] })
  const ended = collect(program)
  await once(program.stdout, 'data')
  writeFileSync(slow, '/one')
  program.stdin.end('\n')
  expect((await ended).stdout).toBe('wan1\nwan2\n')
})

test('sticky: a command keeps its uplink', async () => {
  const config = uplinks(both)
  const of = async (comment: number) =>
    (await run(python(`print(device(udp())) # ${comment}`), { config, flags: ['--policy', 'sticky'] })).stdout
  const first = await Promise.all([1, 2, 3, 4].map(of))
  expect(await Promise.all([1, 2, 3, 4].map(of))).toEqual(first)
})

test("the file's hook, state and history are left to the monitor that runs as a service", async () => {
  const mark = join(lab.folder, 'marked')
  const more = [`hook: [touch, ${mark}]`, 'hookAtStart: true', `stateFile: ${mark}-state`]
  expect(await run(['true'], { before: [], config: uplinks(both, ...more) })).toMatchObject({ code: 0, stderr: '' })
  await sleep(200)
  expect([mark, `${mark}-state`].map(file => existsSync(file))).toEqual([false, false])
})

test('a signal before the first verdict ends netvia without starting the program', async () => {
  lab.fault('isp1', 'tcp dport 80 drop')
  const child = beginRun(['echo', 'begun'], { before: [], config: uplinks(both, 'down: 100') })
  const ended = collect(child)
  await sleep(1000)
  child.kill('SIGTERM')
  expect(await ended).toMatchObject({ signal: 'SIGTERM', stdout: '' })
})

test.each<[what: string, path: string[], message: string]>([
  ['neither device nor file', [], 'name a device by -I, or the file of the uplinks by -c, before the program'],
  ['both', ['-I', 'wan2', '-c', 'x'], 'name a device by -I, or the file of the uplinks by -c, before the program'],
  ['a policy without the file', ['-I', 'wan2', '--policy', 'sticky'], '--policy chooses among the uplinks'],
  ['connections left alone without the file', ['-I', 'wan2', '--no-cut-connections'], '--no-cut-connections is for'],
  ['reports without the file', ['-I', 'wan2', '-v'], '--verbose reports on the uplinks'],
])('%s', async (_, path, message) => {
  const { code, stderr } = await netvia(['run', ...path, '--', 'true'])
  expect(code).toBe(3)
  expect(stderr).toContain(message)
})

test.each(['name: one', 'name: one, device: wan1, mark: 7', 'name: one, localAddress: 192.0.2.1'])(
  'an uplink that is not defined by its device alone: %s',
  async line => {
    const { code, stderr } = await run(['true'], { config: uplinks([line]) })
    expect(code).toBe(3)
    expect(stderr).toContain('uplink one: run needs its device, and takes no other path option')
  },
)
