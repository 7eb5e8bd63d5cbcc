import { createInterface } from 'node:readline'
import { beforeAll, describe, expect, it } from 'vitest'
import { discoverNat, inspectLine, joinHostPort, type NatFound, openIcmp } from '../../src/index.js'
import { atEnd, type Host, lab, needs } from '../lab/index.js'
import { listening } from '../lab/processes.js'
import { command } from '../unit/cli-process.js'
import { openSockets } from '../unit/open-sockets.js'
import { fillQueue } from './full-queue.js'
import { movedDuring } from './moved.js'

const { server, wan1 } = lab
/** Another address on the internet host. */
const second = '10.64.0.2'
const stun = `${server.address4}:3478`
/** isp1's own address on its outer side, which a NAT there uses. */
const outside = '10.1.0.1'
const [anyEnd, byAddress, byPort] = ['endpoint-independent', 'address-dependent', 'address-and-port-dependent'] as const

beforeAll(async () => {
  const serving = lab.spawn(
    'internet',
    process.execPath,
    ...[command, 'line', '--serve', '--listen', server.address4, '--listen', second],
  )
  await new Promise(resolve => createInterface(serving.stdout!).once('line', resolve))
})

/** Adds a table of nftables rules until the end of the test. */
function translate(host: Host, rules: string): void {
  lab.run(host, 'nft', `table ip translated {\n${rules}\n}`)
  atEnd(() => void lab.run(host, 'nft', 'delete', 'table', 'ip', 'translated'))
}

const leaving = (rules: string) =>
  `chain leaving { type nat hook postrouting priority 100; oifname "core" ${rules}; }\n`
const coming = (match: string) =>
  `chain coming { type nat hook prerouting priority -100; iifname "core" ${match} dnat to ${wan1.address4}; }\n`
const kept = leaving(`meta l4proto udp snat to ${outside}`)

describe('discoverNat', () => {
  needs('nft')

  it.each([
    ['none', '', anyEnd, anyEnd],
    ['a full cone', `${kept} ${coming('udp dport 1024-65535')}`, anyEnd, anyEnd],
    [
      'a restricted cone',
      `set seen { type ipv4_addr . inet_service; flags dynamic; size 999; }
       chain seeing { type filter hook forward priority 0; oifname "core" update @seen { ip daddr . udp sport }; }
       ${kept} ${coming('ip saddr . udp dport @seen')}`,
      anyEnd,
      byAddress,
    ],
    ['a port-restricted cone', leaving('masquerade'), anyEnd, byPort],
    ['a symmetric NAT', leaving('meta l4proto udp masquerade fully-random'), byPort, byPort],
  ])('recognises %s', async (name, rules, mapping, filtering) => {
    if (rules !== '') translate('isp1', rules)
    const before = await openSockets()
    const nat = (await discoverNat(stun, { device: 'wan1', timeout: 1000 })) as NatFound
    expect(nat).toMatchObject({
      ok: true,
      localAddress: wan1.address4,
      publicAddress: rules === '' ? wan1.address4 : outside,
      translated: rules !== '',
      mapping: { behaviour: mapping },
      filtering: { behaviour: filtering },
    })
    expect({ name, open: await openSockets() }).toEqual({ name, open: before })
  })

  it('concludes nothing from the silence of a server that does not work', async () => {
    lab.fault('isp1', `ip saddr ${server.address4} udp sport 3479 drop`)
    lab.fault('isp1', `ip saddr ${second} udp sport 3479 drop`)
    const { mapping, filtering } = (await discoverNat(stun, { device: 'wan1', timeout: 500 })) as NatFound
    expect(mapping.behaviour).toBe(anyEnd)
    expect(filtering).toEqual({ behaviour: 'unknown', evidence: `${second}:3479 does not answer at all` })
  })
})

describe("while the queue of this machine's own device is full", () => {
  it.each([stun, `[${server.address6}]:3478`])('discoverNat reports that %s was not asked', async place => {
    fillQueue()
    const asked = discoverNat(place, { device: 'wan2', timeout: 600 })
    await expect(asked).rejects.toMatchObject({ code: 'ENOBUFS', syscall: 'STUN', device: 'wan2' })
  })

  it('discoverNat repeats the request once there is room', async () => {
    const empty = fillQueue()
    const asked = discoverNat(stun, { device: 'wan2', timeout: 5000 })
    setTimeout(empty, 100)
    expect(await asked).toMatchObject({ ok: true, publicAddress: lab.wan2.address4 })
  })

  it('a raw ICMP socket reports it as one of datagrams does', async () => {
    fillQueue()
    using socket = openIcmp({ family: 4, kind: 'raw', device: 'wan2' })
    const request = { family: 4, kind: 'echo-request', identifier: 1, sequence: 1, payload: new Uint8Array(8) } as const
    await expect(socket.send(request, server.address4)).rejects.toMatchObject({ code: 'ENOBUFS' })
  })
})

describe('discoverNat with coturn as the server', () => {
  needs('nft', 'turnserver')
  const port = 5478

  /** Starts coturn. Resolves once it answers over UDP on each address. */
  async function coturn(...addresses: string[]): Promise<void> {
    const plain = ['-n', '--stun-only', '--no-tls', '--no-dtls', '--no-cli', '--no-tcp', '--log-file=stdout']
    const places = addresses.flatMap(address => ['-L', address])
    const files = [`--pidfile=${lab.folder}/coturn.pid`, `--userdb=${lab.folder}/coturn.db`]
    const child = lab.spawn('internet', 'turnserver', ...plain, ...files, `--listening-port=${port}`, ...places)
    child.stdout!.resume()
    await listening(child, 'internet', 'udp', addresses.length > 1 ? [port, port + 1] : [port])
  }

  it.each([
    ['none', '', anyEnd, anyEnd],
    ['a port-restricted cone', leaving('masquerade'), anyEnd, byPort],
    ['a symmetric NAT', leaving('meta l4proto udp masquerade fully-random'), byPort, byPort],
  ])('recognises %s by its two addresses', async (_, rules, mapping, filtering) => {
    await coturn(server.address4, second)
    if (rules !== '') translate('isp1', rules)
    expect(await discoverNat(`${server.address4}:${port}`, { device: 'wan1', timeout: 1000 })).toMatchObject({
      ok: true,
      publicAddress: rules === '' ? wan1.address4 : outside,
      mapping: { behaviour: mapping },
      filtering: { behaviour: filtering },
    })
  })

  it.each([server.address4, server.address6])('shows only the address if the server has only %s', async address => {
    await coturn(address)
    const nat = await discoverNat(joinHostPort(address, port), { device: 'wan1', timeout: 1000 })
    const behaviour = { behaviour: 'unknown', evidence: expect.stringContaining('no second address') }
    expect(nat).toMatchObject({ ok: true, translated: false, mapping: behaviour, filtering: behaviour })
  })
})

describe('inspectLine', () => {
  needs('nft', 'dnsmasq')

  it('uses only its device, names included', async () => {
    await lab.dnsmasq()
    let report: unknown
    const moved = await movedDuring(async () => {
      report = await inspectLine({
        device: 'wan2',
        family: 4,
        stun: server.name,
        absentDomain: 'test',
        servers: [server.address4],
      })
    })
    expect(report).toMatchObject({
      device: 'wan2',
      nat: { ok: true, publicAddress: lab.wan2.address4, translated: false },
      carrierNat: { verdict: 'no' },
      captivePortal: undefined,
      dnsTampering: { verdict: 'no' },
      pathMtu: { mtu: 1500 },
    })
    expect(moved.wan1).toBe(0)
  })

  it('rejects if the device does not exist', async () => {
    await expect(inspectLine({ stun, device: 'nosuch0' })).rejects.toMatchObject({ code: 'ENODEV' })
  })
})

it('discoverNat rejects with the reason of its signal, and leaves nothing open', async () => {
  lab.fault('isp1', 'udp dport 3478 drop')
  const before = await openSockets()
  const controller = new AbortController()
  const reason = new Error('enough')
  setTimeout(() => controller.abort(reason), 50)
  await expect(discoverNat(stun, { device: 'wan1', signal: controller.signal })).rejects.toBe(reason)
  expect(await openSockets()).toBe(before)
})
