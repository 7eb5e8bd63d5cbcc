import type { lookup as nodeLookup } from 'node:dns'
import { once } from 'node:events'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { checkDns } from '../../src/checks/check-dns.js'
import { checkPing } from '../../src/checks/check-ping.js'
import { checkTcp } from '../../src/checks/check-tcp.js'
import { checkHttp } from '../../src/checks/http/check-http.js'
import type { PathOptions } from '../../src/options.js'
import { createLookup } from '../../src/protocols/dns/lookup.js'
import { resolve } from '../../src/protocols/dns/resolve.js'
import { ping } from '../../src/protocols/icmp/ping.js'
import { pings } from '../../src/protocols/icmp/pings.js'
import { sweep } from '../../src/protocols/icmp/sweep/sweep.js'
import { pathMtu } from '../../src/protocols/path-mtu/path-mtu.js'
import { connect } from '../../src/protocols/tcp/connect.js'
import { traceroute } from '../../src/protocols/traceroute/traceroute.js'
import { openUdp } from '../../src/protocols/udp/open-udp.js'
import { scanPorts } from '../../src/scan/scan-ports.js'
import { fetch } from '../../src/undici.js'
import { lab, needs } from '../lab/index.js'
import { echoServer } from './echo-server.js'
import { movedDuring } from './moved.js'
import { quiet } from './quiet.js'

needs('dnsmasq', 'nginx')

const port = 7012
const host = lab.server.address4
const { name } = lab.server
const servers = [host]

beforeAll(async () => {
  await echoServer(port)
  await lab.nginx()
  await lab.dnsmasq([`host-record=${name},${host},${lab.server.address6}`])
})

beforeEach(quiet)

async function all(results: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of results);
}

/** Every call that sends packets. `needed`: the options that it needs besides the path. All calls share one options object. */
const calls: Record<string, { needed?: object; call: (options: never) => Promise<unknown> }> = {
  ping: { call: options => ping(host, options) },
  pings: { needed: { count: 2, interval: 10 }, call: options => all(pings(host, options)) },
  sweep: { call: options => all(sweep(host, options)) },
  scanPorts: { needed: { ports: String(port) }, call: options => all(scanPorts(host, options)) },
  traceroute: { call: options => all(traceroute(host, options)) },
  pathMtu: { call: options => pathMtu(host, options) },
  openUdp: {
    call: async options => {
      const socket = await openUdp(options)
      socket.send('hello', port, host)
      await once(socket, 'message')
      socket.close()
    },
  },
  connect: { needed: { host, port }, call: async options => (await connect(options)).destroy() },
  resolve: { needed: { servers }, call: options => resolve(name, options) },
  checkTcp: { needed: { host, port }, call: options => checkTcp(options) },
  checkHttp: { call: options => checkHttp(`http://${host}/`, options) },
  checkDns: { needed: { servers }, call: options => checkDns(name, options) },
  checkPing: { needed: { count: 2, interval: 10 }, call: options => checkPing(host, options) },
  createLookup: {
    needed: { servers },
    call: options => {
      const lookup = createLookup(options) as typeof nodeLookup
      return new Promise((done, fail) => lookup(name, { family: 4 }, error => (error ? fail(error) : done(undefined))))
    },
  },
  fetch: { call: async options => (await fetch(`http://${host}/`, options)).text() },
}

describe.each(Object.entries(calls))('%s', (_name, { needed, call }) => {
  test('uses the device that the options name at the time of the call', async () => {
    const options: PathOptions = { ...needed }
    const moved = await movedDuring(async () => {
      const jobs: Promise<unknown>[] = []
      for (const device of ['wan1', 'wan2']) {
        options.device = device
        jobs.push(call(options as never))
      }
      await Promise.all(jobs)
    })
    expect(moved.wan1).toBeGreaterThan(0)
    expect(moved.wan2).toBeGreaterThan(0)
  })

  test('uses a device that its options inherit', async () => {
    const moved = await movedDuring(() => call(Object.assign(Object.create({ device: 'wan2' }), needed) as never))
    expect(moved.wan1).toBe(0)
    expect(moved.wan2).toBeGreaterThan(0)
  })
})
