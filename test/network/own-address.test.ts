import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { checkTcp, listenProxy, UplinkGroup, UplinkMonitor } from '../../src/index.js'
import { atEnd, httpServer, lab, needs } from '../lab/index.js'
import { netvia } from '../unit/cli-process.js'

needs('nginx', 'dnsmasq', 'curl')

const { wan1, wan2, server } = lab
const port = 7022
const ownName = 'my-line.test'

beforeAll(async () => {
  const here = createServer((_request, response) => response.end()).listen(port, '::')
  atEnd(() => here.close())
  await once(here, 'listening')
  await lab.dnsmasq([`host-record=${ownName},${wan1.address4}`])
  await lab.nginx(httpServer('location / { return 200 "$remote_addr"; }'))
})

test("the uplink's own address as a target is a local error in a monitor's check, and says nothing about the line", async () => {
  const host = wan1.address4
  const monitor = new UplinkMonitor({
    ...{ interval: 100, timeout: 5000 },
    uplinks: [
      {
        ...{ name: 'fibre', device: 'wan1' },
        checks: [
          { type: 'ping', host },
          { type: 'ping', host: ownName },
          { type: 'tcp', host, port },
          { type: 'http', url: `http://${ownName}:${port}/` },
          { type: 'dns', name: 'a.test', servers: [host] },
        ],
      },
    ],
  })
  onTestFinished(() => monitor.stop())
  const seen = new Map<number, unknown>()
  monitor.on('check', ({ check, ok, local, error }) => seen.set(check, { ok, local, error }))
  monitor.start()
  await expect.poll(() => seen.size, { timeout: 15_000 }).toBe(5)
  for (const outcome of seen.values()) {
    expect(outcome).toEqual({ ok: false, local: true, error: expect.stringContaining(host) })
  }
  await expect.poll(() => monitor.snapshot().uplinks[0]!.state, { timeout: 15_000 }).toBe('down')
  expect(monitor.snapshot().uplinks[0]!.lossRatio).toBe(null)
})

/** IPv6: the kernel drops IPv4 packets that arrive with an address of this machine. */
describe('an address of another host, which wan1 has too', () => {
  const host = server.address6

  beforeAll(() => {
    lab.run('router', 'ip', 'address', 'add', `${host}/128`, 'dev', 'wan1', 'nodad')
    atEnd(() => lab.run('router', 'ip', 'address', 'delete', `${host}/128`, 'dev', 'wan1'))
  })

  async function grouped() {
    // netvia reads the addresses at most once a second.
    const code = async () => (await checkTcp({ host, port: 80, device: 'wan1' })).error?.code
    await expect.poll(code, { timeout: 15_000 }).toBe('ERR_OFF_PATH')
    const monitor = new UplinkMonitor({
      ...{ interval: 60_000, timeout: 1000, up: 1 },
      uplinks: [
        { name: 'fibre', device: 'wan1', checks: [{ type: 'ping', host: wan1.gateway6 }] },
        // The kernel would prefer the target's own address as the source (RFC 6724 section 5, rule 1).
        {
          name: 'lte',
          device: 'wan2',
          localAddress: wan2.address6,
          priority: 2,
          checks: [{ type: 'ping', host: wan2.gateway6 }],
        },
      ],
    })
    onTestFinished(() => monitor.stop())
    monitor.start()
    const states = () => monitor.snapshot().uplinks.map(({ state }) => state)
    await expect.poll(states, { timeout: 15_000 }).toEqual(['up', 'up'])
    const group = new UplinkGroup(monitor, { policy: 'failover', race: 10_000 })
    onTestFinished(() => group.close())
    return group
  }

  test('is reached through the next uplink of a group, and the first one stays the preferred one', async () => {
    const group = await grouped()
    const socket = await group.connect({ host, port: 80 })
    expect([socket.localAddress, socket.remoteAddress]).toEqual([wan2.address6, host])
    socket.destroy()
    expect(group.pick().name).toBe('fibre')
  })

  const curl = async (scheme: string, proxy: { address(): { port: number } }, ...args: string[]) => {
    const through = ['-x', `${scheme}://127.0.0.1:${proxy.address().port}`, `http://[${host}]/`]
    const { stdout } = await promisify(execFile)('curl', ['-sS', '--max-time', '20', ...args, ...through])
    return stdout
  }

  test.each(['socks5', 'http'])('is reached through the next uplink of a proxy by %s', async scheme => {
    const group = await grouped()
    const proxy = await listenProxy({ port: 0, group, allowTargets: [`${host}/128`] })
    onTestFinished(() => proxy.close())
    expect(await curl(scheme, proxy)).toBe(wan2.address6)
    expect(proxy.statistics.uplinks).toMatchObject({ lte: { connections: 1 } })
    expect(proxy.statistics.uplinks.fibre?.failures ?? 0).toBe(0)
  })

  test('is refused by a proxy without another uplink', async () => {
    await grouped()
    const proxy = await listenProxy({ port: 0, device: 'wan1', allowTargets: [`${host}/128`] })
    onTestFinished(() => proxy.close())
    expect(await curl('http', proxy, '-o', '/dev/null', '-w', '%{http_code}')).toBe('403')
    await expect(curl('socks5', proxy)).rejects.toThrow(/\(2\)|not allowed/i)
  })
})

describe('the command', () => {
  const own = wan2.address4

  test('sweep probes the other targets, and does not report it as unreachable', async () => {
    const { code, stdout } = await netvia(['sweep', '-I', 'wan2', own, server.address4])
    expect(code).toBe(4)
    expect(stdout).toContain(`${server.address4} is alive`)
    expect(stdout).toContain(`${own} was not asked (wan2 has the address ${own} itself`)
    expect(stdout).not.toContain('unreachable')
    expect(await netvia(['sweep', '-u', '-I', 'wan2', own, server.address4])).toMatchObject({ code: 4, stdout: '' })
  })

  test.each([
    ['scan of hosts', ['scan', '-p', '80', own, server.address4], `${server.address4}:80 open`],
    ['scan', ['scan', '-p', '80', own], ''],
    ['ping', ['ping', '-c', '1', own], ''],
    ['connect', ['connect', own, String(port)], ''],
    ['http', ['http', `http://${own}:${port}/`], ''],
    ['trace', ['trace', own], ''],
    ['dns', ['dns', `@${own}`, 'a.test'], ''],
  ])('%s ends with the exit code of local errors', async (_what, args, found) => {
    const { code, stdout, stderr } = await netvia([...args, '-I', 'wan2'])
    expect(stdout + stderr).toMatch(new RegExp(`wan2 has the address ${own} itself|${own} is this machine's own`))
    expect(stdout).toContain(found)
    expect(code).toBe(4)
  })
})
