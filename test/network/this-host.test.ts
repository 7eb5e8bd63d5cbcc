import { once } from 'node:events'
import { createServer } from 'node:http'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  checkHttp,
  checkTcp,
  connect,
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
} from '../../src/index.js'
import { atEnd, lab } from '../lab/index.js'

const { device } = lab.wan2
const port = 7021

beforeAll(async () => {
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
  pathMtu: host => pathMtu(host, { device }),
  connect: host => connect({ host, port, device }),
  scanPorts: host => all(scanPorts(host, { device, ports: [port] })),
  openIcmp: async host => {
    const family = host === '::' ? 6 : 4
    using socket = openIcmp({ family, device })
    await socket.send({ family, kind: 'echo-request', identifier: 1, sequence: 1, payload: new Uint8Array() }, host)
  },
  openUdpPackets: async host => {
    using socket = await openUdpPackets({ family: host === '::' ? 6 : 4, device })
    await socket.send(new Uint8Array(), port, host)
  },
  openUdp: async host => {
    const socket = await openUdp({ family: host === '::' ? 6 : 4, device })
    atEnd(() => socket.close())
    await new Promise<void>((resolve, reject) => {
      socket.send('', port, host, error => (error ? reject(error) : resolve()))
    })
  },
}

describe.each(['0.0.0.0', '::'])('%s is this host, which only the loopback device reaches', host => {
  test.each(Object.entries(calls))('%s', async (_, call) => {
    const before = lab.counters('lo').txPackets
    await expect(call(host)).rejects.toMatchObject({ code: 'ERR_OFF_PATH', device })
    expect(lab.counters('lo').txPackets).toBe(before)
  })

  test('checks', async () => {
    const failed = { ok: false, error: { code: 'ERR_OFF_PATH', device } }
    expect(await checkTcp({ host, port, device })).toMatchObject(failed)
    const url = `http://${host === '::' ? '[::]' : host}:${port}/`
    expect(await checkHttp(url, { device })).toMatchObject(failed)
    expect(await checkHttp(url)).toMatchObject({ ok: true })
    expect(await checkHttp(url, { device: 'lo' })).toMatchObject({ ok: true })
  })

  test('sweeps probe the other targets', async () => {
    const others = [host, host === '::' ? lab.server.address6 : lab.server.address4]
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
