import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { runProbe } from '../../src/cli/exporter/run-probe.js'
import { resolve } from '../../src/protocols/dns/resolve.js'
import { Cancel } from '../../src/runtime/cancel.js'
import { encodeAddress } from '../../src/sockets/address.js'
import { lab } from '../lab/index.js'
import { a, fakeServer } from '../unit/dns-fake-server.js'

const script = fileURLToPath(new URL('forged-errors.mjs', import.meta.url))

/** The headers of a datagram between two addresses, as an ICMP error quotes them (RFC 792, RFC 4443). */
function headOf(family: 4 | 6, source: Uint8Array, target: Uint8Array): Buffer {
  const [start, end] = family === 4 ? [4, 8] : [8, 24]
  const addresses = Buffer.concat([source.subarray(start, end), target.subarray(start, end)])
  const ip = family === 4 ? '4500003c0000000040110000' : '6000000000281140'
  const ports = Buffer.concat([source.subarray(2, 4), target.subarray(2, 4), Buffer.of(0, 40, 0, 0)])
  return Buffer.concat([Buffer.from(ip, 'hex'), addresses, ports])
}

describe.each([
  [4, '127.0.0.1', lab.wan1.address4, '10.1.0.2'],
  [6, '::1', lab.wan1.address6, 'fd00:1::2'],
] as const)('a remote ICMP error over IPv%i is ignored for a name server on this machine', (...given) => {
  const [family, host, to, source] = given
  const received = () => readFileSync('/proc/net/snmp', 'utf8') + readFileSync('/proc/net/snmp6', 'utf8')

  /** A name server whose answer arrives after a forged ICMP error about it. */
  async function accusedServer(): Promise<string> {
    const server = await fakeServer(async ({ port }) => {
      const own = Number(server.server.split(':').at(-1))
      const quote = headOf(family, encodeAddress(host, port), encodeAddress(host, own)).toString('hex')
      const changes = [{ at: 0, length: 0, cut: quote.length / 2 }]
      const before = received()
      const code = family === 4 ? 3 : 4
      const error = { family, source, to, code, quote, changes, tries: 1 }
      lab.run('internet', process.execPath, script, JSON.stringify(error))
      await expect.poll(received).not.toBe(before)
      // Make sure that the socket receives the error before the answer.
      await sleep(300)
      return { answers: [a('a.test', '192.0.2.9')] }
    }, host)
    onTestFinished(server.close)
    return server.server
  }

  test('by a lookup', async () => {
    const answer = await resolve('a.test', { type: 'A', servers: [await accusedServer()] })
    expect(answer).toMatchObject([{ address: '192.0.2.9' }])
  })

  test("by the exporter's probe", async () => {
    const { success, log } = await runProbe({
      target: await accusedServer(),
      moduleName: 'dns',
      module: { prober: 'dns', dns: { query_name: 'a.test', query_type: 'A' } },
      ...{ device: undefined, hostname: undefined, timeout: 30_000, userAgent: '', signal: new Cancel() },
    })
    expect(success, log.lines().join()).toBe(true)
    expect(log.lines().join()).toContain('ECONNREFUSED')
  })
})

test('a local port that nobody listens on is refused immediately', async () => {
  const refused = { code: 'ECONNREFUSED', syscall: 'resolve' }
  await expect(resolve('a.test', { type: 'A', servers: ['127.0.0.1:9'] })).rejects.toMatchObject(refused)
  await expect(resolve('a.test', { type: 'A', servers: ['[::1]:9'] })).rejects.toMatchObject(refused)
})
