import { once } from 'node:events'
import { createServer, get } from 'node:http'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  checkHttp,
  checkPing,
  checkTcp,
  connect,
  discoverNat,
  HttpAgent,
  openIcmp,
  openUdp,
  openUdpPackets,
  pathMtu,
  ping,
  pings,
  scanPorts,
  sweep,
  sweepPorts,
  traceroute,
  traceroutes,
  via,
} from '../../src/index.js'
import { fetch } from '../../src/undici.js'
import { atEnd, lab } from '../lab/index.js'

const { device } = lab.wan2
const port = 7021
const linkLocal = /fe80:[0-9a-f:]+/.exec(
  lab.run('router', 'ip', '-6', 'address', 'show', 'dev', device, 'scope', 'link'),
)![0]
const second = { 4: '198.18.77.1', 6: 'fd00:77:77::1' }
const familyOf = (host: string) => (host.includes(':') && !host.startsWith('::ffff:') ? 6 : 4)

beforeAll(async () => {
  const [cable4, cable6] = [`${second[4]}/32`, `${second[6]}/128`]
  const change = (action: string) =>
    [cable4, cable6].map(address => lab.run('router', 'ip', 'address', action, address, 'dev', device))
  change('replace')
  atEnd(() => change('delete'))
  const server = createServer((_request, response) => response.end()).listen(port, '::')
  atEnd(() => server.close())
  await once(server, 'listening')
})

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

const calls: Record<string, (host: string) => Promise<unknown>> = {
  ping: host => ping(host, { device }),
  pings: host => all(pings(host, { device, count: 1 })),
  'traceroute by icmp': host => all(traceroute(host, { device, method: 'icmp' })),
  'traceroute by udp': host => all(traceroute(host, { device, method: 'udp' })),
  'traceroute by tcp': host => all(traceroute(host, { device, method: 'tcp' })),
  traceroutes: host => all(traceroutes(host, { device, count: 1 })),
  pathMtu: host => pathMtu(host, { device }),
  connect: host => connect({ host, port, device }),
  'connect of via()': host => via(device).connect({ host, port }),
  'an agent': host => once(get({ host, port, agent: new HttpAgent({ device }) }), 'response'),
  scanPorts: host => all(scanPorts(host, { device, ports: [port] })),
  openIcmp: async host => {
    const family = familyOf(host)
    using socket = openIcmp({ family, device })
    await socket.send({ family, kind: 'echo-request', identifier: 1, sequence: 1, payload: new Uint8Array() }, host)
  },
  openUdpPackets: async host => {
    using socket = await openUdpPackets({ family: familyOf(host), device })
    await socket.send(new Uint8Array(), port, host)
  },
  openUdp: async host => {
    const socket = await openUdp({ family: familyOf(host), device })
    atEnd(() => socket.close())
    await new Promise<void>((resolve, reject) => {
      socket.send('', port, host, error => (error ? reject(error) : resolve()))
    })
  },
}

describe.each([
  ['0.0.0.0', 'this host'],
  ['::', 'this host'],
  [lab.wan2.address4, "the device's own address"],
  [lab.wan2.address6, "the device's own address"],
  [`::ffff:${lab.wan2.address4}`, "the device's own address, mapped to IPv6"],
  [second[4], 'a further address of the device'],
  [second[6], 'a further address of the device'],
  [`${linkLocal}%${device}`, "the device's link-local address"],
])('%s is %s, which only the loopback device reaches', host => {
  test.each(Object.entries(calls))('%s', async (_, call) => {
    const before = lab.counters('lo').txPackets
    await expect(call(host)).rejects.toMatchObject({ code: 'ERR_OFF_PATH', device, hint: expect.any(String) })
    expect(lab.counters('lo').txPackets).toBe(before)
  })

  test('checks', async () => {
    const isUnspecified = host === '0.0.0.0' || host === '::'
    const failed = { ok: false, error: { code: 'ERR_OFF_PATH', device } }
    expect(await checkTcp({ host, port, device })).toMatchObject(failed)
    expect(await checkPing(host, { device })).toMatchObject(failed)
    // A URL has no zone.
    if (host.includes('%')) return
    const place = `${host.includes(':') ? `[${host}]` : host}:${port}`
    expect(await discoverNat(place, { device, timeout: 1000 })).toMatchObject(failed)
    const url = `http://${place}/`
    expect(await checkHttp(url, { device })).toMatchObject(failed)
    expect(await checkHttp(url)).toMatchObject({ ok: true })
    // Other addresses of this machine have no route through lo.
    if (isUnspecified) expect(await checkHttp(url, { device: 'lo' })).toMatchObject({ ok: true })
  })

  test('sweeps probe the other targets', async () => {
    const others = [host, familyOf(host) === 6 ? lab.server.address6 : lab.server.address4]
    const outcomes = (await all(sweep(others, { device }))).map(({ outcome, error }) => error?.code ?? outcome)
    expect(outcomes).toEqual(['ERR_OFF_PATH', 'reply'])
    const ports = await all(sweepPorts(others, { device, ports: [port] }))
    expect(ports.map(({ state, code }) => code ?? state)).toEqual(['ERR_OFF_PATH', 'closed'])
  })
})

test('a name that its server blocks with 0.0.0.0 does not reach a web server here', async () => {
  await lab.dnsmasq(['address=/blocked.test/0.0.0.0'])
  const result = await checkHttp(`http://blocked.test:${port}/`, { device })
  expect(result).toMatchObject({ ok: false, error: { code: 'ERR_OFF_PATH', device } })
})

describe("a name that leads to the device's own address, as with dynamic DNS", () => {
  const { address4: address } = lab.wan2

  test('does not prove that the line works', async () => {
    await lab.dnsmasq([`host-record=my-line.test,${address}`])
    const url = `http://my-line.test:${port}/`
    const error = { code: 'ERR_OFF_PATH', device, address }
    expect(await checkHttp(url, { device })).toMatchObject({ ok: false, error })
    await expect(fetch(url, { device })).rejects.toMatchObject({ cause: error })
  })

  test('does not matter if the name also has an address of another host', async () => {
    await lab.dnsmasq([`host-record=my-lines.test,${address}`, `host-record=my-lines.test,${lab.server.address4}`])
    await lab.nginx()
    const socket = await connect({ host: 'my-lines.test', port: 80, device })
    expect(socket.remoteAddress).toBe(lab.server.address4)
    socket.destroy()
    // The error from the other address is more informative.
    const refused = { code: 'ECONNREFUSED', address: lab.server.address4 }
    await expect(connect({ host: 'my-lines.test', port: 81, device })).rejects.toMatchObject(refused)
  })
})

test.each([lab.wan1.address4, lab.wan1.address6])(
  'packets to %s, an address of another device, use the named one',
  async host => {
    const before = lab.counters(device).txPackets
    await ping(host, { device, timeout: 300 })
    expect(lab.counters(device).txPackets).toBeGreaterThan(before)
  },
)

test('an address that the device gets during a series is refused from then on', async () => {
  const host = '198.18.77.2'
  const change = (action: string) => lab.run('router', 'ip', 'address', action, `${host}/32`, 'dev', device)
  const outcomes: string[] = []
  for await (const { outcome, error } of pings(host, { device, interval: 50, timeout: 50 })) {
    if (outcomes.length === 0) {
      change('add')
      atEnd(() => change('delete'))
    }
    outcomes.push(error?.code ?? outcome)
    if (error?.code === 'ERR_OFF_PATH') break
  }
  expect(outcomes.at(-1)).toBe('ERR_OFF_PATH')
})
