import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import {
  listenProxy,
  type Proxy as NetviaProxy,
  type ProxyOptions,
  UplinkGroup,
  UplinkMonitor,
} from '../../src/index.js'
import { httpServer, lab, needs } from '../lab/index.js'
import { movedDuring } from './moved.js'

needs('nginx', 'dnsmasq', 'nft', 'curl')

const { address4, address6, name } = lab.server
const caFile = fileURLToPath(new URL('../lab/certificates/ca.pem', import.meta.url))
const body = 'x'.repeat(100_000)

const servers: { stop(): Promise<void> }[] = []

beforeAll(async () => {
  writeFileSync(join(lab.folder, 'big'), body)
  const locations = `location / { return 200 "$remote_addr"; } location /big { root ${lab.folder}; }`
  servers.push(await lab.nginx(httpServer(locations)), await lab.dnsmasq())
})

afterAll(async () => {
  for (const server of servers) await server.stop()
})

async function start(options: ProxyOptions): Promise<NetviaProxy> {
  const proxy = await listenProxy({ port: 0, ...options })
  onTestFinished(() => proxy.close())
  return proxy
}

/** Runs a command without the environment's proxy settings, and without blocking this process, which runs the proxy. */
async function run(command: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, {
    timeout: 20_000,
    env: { PATH: process.env.PATH, HOME: lab.folder },
  })
  return stdout
}

const curl = (scheme: string, proxy: NetviaProxy, ...args: string[]) =>
  run(
    'curl',
    '-sS',
    '--max-time',
    '20',
    '--cacert',
    caFile,
    '-x',
    `${scheme}://127.0.0.1:${proxy.address().port}`,
    ...args,
  )

const ours = [lab.wan2.address4, lab.wan2.address6]

describe('real clients use wan2', () => {
  const cases = [
    ['socks5', `http://${address4}/`],
    ['socks5', `http://[${address6}]/`],
    ['socks5h', `http://${name}/`],
    ['socks5h', `https://${name}/`],
    ['http', `http://${name}/`],
    ['http', `http://${address4}/`],
    ['http', `http://[${address6}]/`],
    ['http', `https://${name}/`],
    ['http', `https://${address4}/`],
  ] as const

  test.each(cases)('curl by %s: %s', async (scheme, url) => {
    const proxy = await start({ device: 'wan2' })
    let seen = ''
    const moved = await movedDuring(async () => {
      seen = await curl(scheme, proxy, url)
    })
    expect(ours).toContain(seen)
    expect(moved.wan1).toBe(0)
    expect(moved.wan2).toBeGreaterThan(5)
    expect(proxy.statistics.uplinks).toMatchObject({ wan2: { connections: 1, failures: 0 } })
  })

  test.each(['socks5h', 'http'])('curl by %s: a body of many packets, over a kept connection', async scheme => {
    const proxy = await start({ device: 'wan2' })
    const url = `http://${name}/big`
    expect(await curl(scheme, proxy, url, url)).toBe(body + body)
    await expect.poll(() => proxy.statistics.uplinks.wan2).toMatchObject({ open: 0, bytesReceived: expect.any(Number) })
    expect(proxy.statistics.uplinks.wan2!.bytesReceived).toBeGreaterThan(2 * body.length)
  })

  // Each time the refusal, the end and the reset come at other moments.
  test.each(['socks5', 'http'])('curl by %s: a server refuses an upload, and resets it', async scheme => {
    const server = lab.spawn('internet', process.execPath, '-e', refusing)
    await once(server.stdout!, 'data')
    const file = join(lab.folder, 'upload')
    writeFileSync(file, Buffer.alloc(30_000_000))
    const proxy = await start({ device: 'wan2' })
    const upload = ['-H', 'Expect:', '--data-binary', `@${file}`, '-o', '/dev/null', '-w', '%{http_code}']
    for (let i = 0; i < 20; i++) {
      const seen = await curl(scheme, proxy, ...upload, `http://${address4}:8413/`).catch(error => String(error))
      // Without a proxy, too, curl may meet the reset in a write before it has read.
      expect(seen).toMatch(scheme === 'http' ? /^413$/ : /^413$|\(55\)/)
    }
  })
})

const refusing = `
  require('node:http')
    .createServer((request, response) => response.writeHead(413, { Connection: 'close' }).end('large'))
    .listen(8413, () => console.log('ready'))`

/** A SOCKS5 client that sends a UDP datagram through the proxy and prints the answer. */
const udpClient = `
  const [, proxy, target, port] = process.argv
  const control = require('node:net').connect(Number(proxy), '127.0.0.1')
  const own = require('node:dgram').createSocket('udp4')
  control.write(Buffer.from([5, 1, 0, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0]))
  let bytes = Buffer.alloc(0)
  control.on('data', chunk => {
    bytes = Buffer.concat([bytes, chunk])
    if (bytes.length < 12) return
    const head = Buffer.concat([Buffer.from([0, 0, 0, 3, target.length]), Buffer.from(target), Buffer.from([port >> 8, port & 255])])
    const say = i => own.send(Buffer.concat([head, Buffer.from('hello ' + i)]), bytes.readUInt16BE(10), '127.0.0.1')
    let i = 0
    own.on('message', answer => {
      console.log(String(answer.subarray(answer[3] === 1 ? 10 : 22)))
      if (++i === 3) process.exit()
      say(i)
    })
    say(i)
  })`

describe('UDP ASSOCIATE', () => {
  const port = 7032
  const server = `
    for (const [type, host] of [['udp4', '${address4}'], ['udp6', '${address6}']]) {
      const socket = require('node:dgram').createSocket(type)
      socket.on('message', (bytes, { address, port }) => socket.send(bytes + ' from ' + address, port, address))
      socket.bind(${port}, host, () => console.log(type))
    }`

  test.each([address4, address6, name])('uses wan2, names included: %s', async target => {
    const { stdout } = lab.spawn('internet', process.execPath, '-e', server)
    let said = ''
    stdout!.on('data', text => {
      said += text
    })
    await expect.poll(() => said, { timeout: 10_000 }).toMatch(/udp4[\s\S]*udp6|udp6[\s\S]*udp4/)
    const proxy = await start({ device: 'wan2' })
    let seen = ''
    const moved = await movedDuring(async () => {
      seen = await run(process.execPath, '-e', udpClient, String(proxy.address().port), target, String(port))
    })
    const from = seen.includes(lab.wan2.address4) ? lab.wan2.address4 : lab.wan2.address6
    expect(seen).toBe([0, 1, 2].map(i => `hello ${i} from ${from}\n`).join(''))
    expect(moved.wan1).toBe(0)
    expect(moved.wan2).toBeGreaterThanOrEqual(6)
  })
})

describe('a proxy over a group', () => {
  /** A group whose checks are so rare that they don't detect the outage. Only its links are watched. */
  async function grouped(interval = 60_000) {
    const checks = [{ type: 'ping' as const, host: address4 }]
    const monitor = new UplinkMonitor({
      ...{ interval, failureInterval: 50, timeout: 300, up: 1, down: 2 },
      uplinks: [
        { name: 'fibre', device: 'wan1', checks },
        { name: 'lte', device: 'wan2', priority: 2, checks },
      ],
    })
    const group = new UplinkGroup(monitor, { policy: 'failover', cutConnections: true })
    onTestFinished(() => monitor.stop())
    onTestFinished(() => group.close())
    monitor.start()
    const states = () => monitor.snapshot().uplinks.map(({ state }) => state)
    await expect.poll(states, { timeout: 5000 }).toEqual(['up', 'up'])
    return { group, states }
  }

  test.each(['socks5h', 'http'])('if a dead uplink cannot connect, the next one does: curl by %s', async scheme => {
    const { group, states } = await grouped()
    const proxy = await start({ group })
    expect(await curl(scheme, proxy, `http://${address4}/`)).toBe(lab.wan1.address4)
    // The monitor's pings still pass.
    const repair = lab.fault('isp1', 'meta l4proto { tcp, udp } drop')
    expect(ours).toContain(await curl(scheme, proxy, `http://${name}/`))
    expect(states()).toEqual(['up', 'up'])
    expect(proxy.statistics.uplinks).toMatchObject({ fibre: { failures: 1 }, lte: { connections: 1, failures: 0 } })
    repair()
    expect(await curl(scheme, proxy, `http://${address4}/`)).toBe(lab.wan1.address4)
  })

  test('a failed connection that another uplink could make causes an immediate check', async () => {
    const { group, states } = await grouped()
    const proxy = await start({ group })
    // The next regular round would start after a minute.
    lab.fault('isp1', 'ip daddr 203.0.113.1 drop')
    expect(await curl('socks5', proxy, `http://${address4}/`)).toBe(lab.wan2.address4)
    await expect.poll(states, { timeout: 15_000 }).toEqual(['down', 'up'])
  })

  test('connections of an uplink that goes down are cut, and new ones use the other', async () => {
    const { group } = await grouped(100)
    const proxy = await start({ group })
    const port = 7031
    const hold = `require('node:net').createServer(s => s.on('error', () => {})).listen(${port}, '::', () => console.log(1))`
    await once(lab.spawn('internet', process.execPath, '-e', hold).stdout!, 'data')
    const waiting = curl('socks5', proxy, `http://${address4}:${port}/`)
    const failed = expect(waiting).rejects.toThrow(/reset|Empty reply/i)
    await expect.poll(() => proxy.statistics.uplinks.fibre).toMatchObject({ open: 1 })
    lab.fault('isp1', 'ip daddr 203.0.113.1 drop')
    await failed
    await expect.poll(() => proxy.statistics.uplinks.fibre).toMatchObject({ open: 0 })
    expect(await curl('socks5', proxy, `http://${address4}/`)).toBe(lab.wan2.address4)
  })

  test('fails when all uplinks are down', async () => {
    const { group, states } = await grouped(100)
    const proxy = await start({ group })
    lab.fault('isp1', 'ip daddr 203.0.113.1 drop')
    lab.fault('isp2', 'ip daddr 203.0.113.1 drop')
    await expect.poll(states, { timeout: 10_000 }).toEqual(['down', 'down'])
    expect(await curl('http', proxy, '-o', '/dev/null', '-w', '%{http_code}', `http://${address4}/`)).toBe('503')
  })
})

test('a tunnel ends with its address, once another is in its place', async () => {
  const address = lab.wan2.address4.replace(/\d+$/, '77')
  const change = (what: string) => lab.run('router', 'ip', 'addr', what, `${address}/24`, 'dev', 'wan2')
  change('replace')
  onTestFinished(() => {
    change('replace')
    change('del')
  })
  const proxy = await start({ device: 'wan2', localAddress: address })
  const client = connect(proxy.address().port, '127.0.0.1').on('error', () => {})
  client.write(`CONNECT ${address4}:80 HTTP/1.1\r\nHost: x\r\n\r\n`)
  await once(client, 'data')
  // DHCP clients do this, and connections survive it.
  change('del')
  change('add')
  await sleep(3000)
  expect(proxy.statistics.uplinks.wan2).toMatchObject({ open: 1 })
  change('del')
  await expect.poll(() => proxy.statistics).toMatchObject({ clients: 0, uplinks: { wan2: { open: 0 } } })
})

describe('refuses', () => {
  test.each([lab.wan1.address4, lab.wan2.address4, '127.0.0.1', `[${lab.wan2.address6}]`, lab.slow.address4])(
    'the target %s',
    async host => {
      const proxy = await start({ device: 'wan2' })
      const moved = await movedDuring(async () => {
        const status = ['-o', '/dev/null', '-w', '%{http_code}']
        expect(await curl('http', proxy, ...status, `http://${host}/`)).toBe('403')
        await expect(curl('socks5', proxy, `http://${host}/`)).rejects.toThrow(/\(2\)|not allowed/i)
      })
      expect(moved).toEqual({ wan1: 0, wan2: 0 })
    },
  )

  test('a name with a private address, resolved over wan2', async () => {
    const proxy = await start({ device: 'wan2', servers: [`${address4}:5301`] })
    const dns = await lab.dnsmasq(['host-record=inside.test,10.9.0.2'], { port: 5301, addresses: [address4] })
    const status = ['-o', '/dev/null', '-w', '%{http_code}']
    const moved = await movedDuring(async () => {
      expect(await curl('http', proxy, ...status, 'http://inside.test/')).toBe('403')
    })
    expect(moved.wan1).toBe(0)
    expect(moved.wan2).toBeGreaterThan(0)
    await dns.stop()
  })

  test('clients without the password', async () => {
    const proxy = await start({ device: 'wan2', users: { ann: 'secret' }, host: lab.wan1.address4 })
    const at = (credentials: string, scheme: string) =>
      run(
        'curl',
        '-sS',
        '-x',
        `${scheme}://${credentials}${lab.wan1.address4}:${proxy.address().port}`,
        `http://${address4}/`,
      )
    expect(await at('ann:secret@', 'http')).toBe(lab.wan2.address4)
    expect(await at('ann:secret@', 'socks5')).toBe(lab.wan2.address4)
    await expect(at('ann:wrong@', 'socks5')).rejects.toThrow(/user was rejected|authentication/i)
    await expect(at('', 'socks5')).rejects.toThrow(/./)
  })
})
