import { describe, expect, it, onTestFinished } from 'vitest'
import { ping } from '../../src/protocols/icmp/ping.js'
import { pathMtu } from '../../src/protocols/path-mtu/path-mtu.js'
import { traceroute } from '../../src/protocols/traceroute/traceroute.js'
import { atEnd, type Host, lab, needs } from '../lab/index.js'
import { atOnce } from '../unit/at-once.js'
import { openSockets } from '../unit/open-sockets.js'
import { movedDuring } from './moved.js'

const { server, wan1, wan2 } = lab
const families = [4, 6] as const
const hostOf = { 4: server.address4, 6: server.address6 }

/** Sets the MTU on both ends of the cable behind a provider. The returned function, or the end of the file, restores 1500. */
function narrow(isp: 'isp1' | 'isp2', mtu: number): () => void {
  const set = (host: Host, device: string, size: number) =>
    lab.run(host, 'ip', 'link', 'set', device, 'mtu', String(size))
  const both = (size: number) => {
    set(isp, 'core', size)
    set('internet', isp, size)
  }
  const widen = () => both(1500)
  atEnd(widen)
  both(mtu)
  return widen
}

describe.each(families)('pathMtu, IPv%i', family => {
  needs('nft')
  const host = hostOf[family]
  const gateway = (uplink: typeof wan1) => (family === 4 ? uplink.gateway4 : uplink.gateway6)
  const tooBig = family === 4 ? 'icmp type destination-unreachable drop' : 'icmpv6 type packet-too-big drop'

  it('of a plain path is the MTU of the device', async () => {
    expect(await pathMtu(host)).toEqual({
      host,
      address: host,
      family,
      mtu: 1500,
      method: 'device',
      limitedBy: undefined,
      probes: 3,
      reason: undefined,
    })
  })

  it('uses the MTU that a router reports', async () => {
    const widen = narrow('isp1', 1400)
    expect(await pathMtu(host)).toMatchObject({ mtu: 1400, method: 'too-big', limitedBy: gateway(wan1), probes: 4 })
    widen()
  })

  it("ignores the kernel's cached MTU of a narrower path", async () => {
    const widen = narrow('isp1', 1300)
    await pathMtu(host)
    expect(lab.run('router', 'ip', 'route', 'get', host)).toContain('mtu 1300')
    widen()
    expect(await pathMtu(host)).toMatchObject({ mtu: 1500, method: 'device' })
  })

  it.each([1280, 1401, 1499])('finds %i if routers report nothing', async mtu => {
    const widen = narrow('isp1', mtu)
    const repair = lab.fault('router', tooBig)
    const found = await pathMtu(host, { timeout: 100 })
    repair()
    widen()
    expect(found).toMatchObject({ mtu, method: 'search', limitedBy: undefined })
    expect(found.probes).toBeLessThan(50)
  })

  it('does not mistake a lost packet for one that is too large', async () => {
    const request = family === 4 ? 'icmp type echo-request' : 'icmpv6 type echo-request'
    const repair = lab.fault('isp1', `${request} numgen inc mod 2 0 drop`)
    const found = await pathMtu(host, { timeout: 100 })
    repair()
    expect(found).toMatchObject({ mtu: 1500, method: 'device', probes: 5 })
  })

  it('of a line on which large packets take far longer is that of the device', async () => {
    const relay = await lab.relay({ byteMs: 0.4, direction: 'back' })
    onTestFinished(() => relay.stop())
    const host = family === 4 ? lab.slow.address4 : lab.slow.address6
    expect(await pathMtu(host, { timeout: 20_000 })).toMatchObject({ mtu: 1500, method: 'device' })
  })

  it('uses only the device, whose path has another MTU', async () => {
    const widen = narrow('isp2', 1350)
    let found: unknown
    const moved = await movedDuring(async () => {
      found = await pathMtu(host, { device: 'wan2' })
    })
    widen()
    expect(found).toMatchObject({ mtu: 1350, method: 'too-big', limitedBy: gateway(wan2) })
    expect(moved.wan1).toBe(0)
  })

  it('finds what the other end of the own device takes, although the kernel reports a full queue', async () => {
    const jumbo = lab.addDevice('jumbo')
    lab.run('router', 'ip', 'link', 'set', 'jumbo', 'mtu', '9000')
    const near = family === 4 ? jumbo.gateway4 : jumbo.gateway6
    const found = await pathMtu(near, { device: 'jumbo', timeout: 300 })
    // A veth device leaves room for the tag of a VLAN.
    expect(found).toMatchObject({ mtu: 1504, method: 'search', limitedBy: undefined })
    const result = await ping(near, { device: 'jumbo', payloadSize: 8000, timeout: 100 })
    const hint = expect.stringContaining('its other end has a smaller MTU')
    // The kernel doesn't report it for ICMPv6.
    const traced = traceroute(near, { device: 'jumbo', method: 'udp', payloadSize: 8000, queries: 1, maxHops: 1 })
    for await (const { probes } of traced)
      expect(probes).toMatchObject([{ outcome: 'send-failed', error: { code: 'ENOBUFS', hint } }])
    expect(result).toMatchObject(family === 4 ? { error: { code: 'ENOBUFS', hint } } : { outcome: 'timeout' })
  })

  it('reports why there is no result', async () => {
    const match = family === 4 ? 'ip daddr' : 'ip6 daddr'
    let repair = lab.fault('isp1', `${match} ${host} drop`)
    expect(await pathMtu(host, { timeout: 50 })).toMatchObject({
      mtu: undefined,
      method: 'none',
      probes: 3,
      reason: 'the host answers to no size',
    })
    repair()
    repair = lab.fault('isp1', `${match} ${host} reject with icmpx type admin-prohibited`)
    const refused = await pathMtu(host)
    repair()
    expect(refused).toMatchObject({ mtu: undefined, method: 'none', probes: 1 })
    expect(refused.reason).toMatch(/administratively prohibited/)
  })

  it('rejects with the reason of its signal, and leaves nothing open', async () => {
    const before = await openSockets()
    const repair = lab.fault('isp1', `${family === 4 ? 'ip daddr' : 'ip6 daddr'} ${host} drop`)
    const controller = new AbortController()
    setTimeout(() => controller.abort(new Error('enough')), 50)
    const started = performance.now()
    await expect(pathMtu(host, { signal: controller.signal })).rejects.toThrow('enough')
    expect(performance.now() - started).toBeLessThan(atOnce)
    repair()
    expect(await openSockets()).toBe(before)
  })
})
