import { describe, expect, it } from 'vitest'
import {
  checkPing,
  checkTcp,
  connect,
  openIcmp,
  openUdp,
  pathMtu,
  ping,
  pings,
  resolve,
  scanPorts,
  sweep,
  sweepPorts,
  traceroute,
} from '../../src/index.js'
import { lab, needs } from '../lab/index.js'
import { netvia, objects } from '../unit/cli-process.js'

const { server, wan1 } = lab
const target = server.address4
/** The `remoteAddress` format of a dual-stack server, and the same address in hexadecimal. */
const spellings = [`::ffff:${target}`, `0:0:0:0:0:FFFF:${hexOf(target)}`]
const local = `::ffff:${wan1.address4}`

function hexOf(address: string): string {
  const [a, b, c, d] = address.split('.').map(Number)
  return [a! * 256 + b!, c! * 256 + d!].map(value => value.toString(16)).join(':')
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

describe.each(spellings)('%s means the IPv4 address', host => {
  needs('nginx', 'dnsmasq')
  const reply = { outcome: 'reply', address: target, family: 4, from: target }

  it.each(['datagram', 'raw'] as const)('in ping, pings, sweep and checkPing, %s', async kind => {
    const options = { kind, device: 'wan1', timeout: 1000 }
    expect(await ping(host, options)).toMatchObject({ ...reply, host })
    expect(await collect(pings(host, { ...options, count: 2, interval: 10 }))).toMatchObject([reply, reply])
    expect(await collect(sweep([host, `::ffff:${target}/128`], options))).toMatchObject([reply, reply])
    expect((await checkPing(host, { count: 1, kind })).ok).toBe(true)
  })

  it('in sweeps of blocks and ranges', async () => {
    const addresses = async (block: string) => (await collect(sweep(block))).map(({ address }) => address).sort()
    expect(await addresses('::ffff:10.64.0.0/126')).toEqual(['10.64.0.1', '10.64.0.2'])
    expect(await addresses('::ffff:10.64.0.1-10.64.0.3')).toEqual(['10.64.0.1', '10.64.0.2', '10.64.0.3'])
  })

  it.each(['icmp', 'udp', 'tcp'] as const)('in traceroute by %s', async method => {
    const hops = await collect(traceroute(host, { method }))
    expect(hops.map(({ address }) => address)).toEqual([wan1.gateway4, target])
  })

  it('in pathMtu, and with the local address of each call', async () => {
    expect(await pathMtu(host, { localAddress: local })).toMatchObject({ address: target, family: 4, mtu: 1500 })
    expect(await ping(target, { localAddress: local })).toMatchObject(reply)
  })

  it('in TCP', async () => {
    await lab.nginx()
    const socket = await connect({ host, port: 80, localAddress: local, tos: 8 })
    expect(socket).toMatchObject({ remoteAddress: target, localAddress: wan1.address4 })
    socket.resetAndDestroy()
    expect(await checkTcp({ host, port: 80 })).toMatchObject({ ok: true, remoteAddress: target })
    expect(await collect(scanPorts(host, { ports: [80] }))).toMatchObject([{ state: 'open' }])
  })

  it('of sockets', async () => {
    using socket = openIcmp({ family: 4, localAddress: local })
    await socket.send({ family: 4, kind: 'echo-request', identifier: 1, sequence: 1, payload: new Uint8Array() }, host)
    const udp = await openUdp({ host: local })
    expect(udp.address()).toMatchObject({ address: wan1.address4, family: 'IPv4' })
    udp.close()
  })

  it('of name servers', async () => {
    const dns = await lab.dnsmasq()
    for (const name of [host, `[${host}]:53`])
      expect(await resolve(server.name, { servers: [name], type: 'A' })).toMatchObject([{ address: target }])
    await dns.stop()
  })

  it('of a name', async () => {
    const name = 'mapped.test'
    await Promise.all([lab.nginx(), lab.dnsmasq([`host-record=${name},${host}`])])
    const options = { device: 'wan1', timeout: 1000 }
    expect(await ping(name, options)).toMatchObject({ ...reply, host: name })
    expect(await collect(sweep(name, options))).toMatchObject([{ ...reply, host: name }])
    expect(await collect(sweepPorts(name, { ...options, ports: [80] }))).toMatchObject([
      { address: target, state: 'open' },
    ])
    expect(await checkTcp({ ...options, host: name, port: 80 })).toMatchObject({ ok: true, remoteAddress: target })
  })

  it('in the command', async () => {
    const said = await netvia(['ping', '-c', '1', '--json', '--source', local, host])
    expect(objects(said)[0]).toMatchObject({ outcome: 'reply', address: target, family: 4 })
    expect((await netvia(['trace', '-M', 'tcp', host])).stdout).toContain(wan1.gateway4)
    expect(await netvia(['ping', '-6', '-c', '1', host])).toMatchObject({ code: 3 })
  })
})
