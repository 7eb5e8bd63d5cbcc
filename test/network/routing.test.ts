import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { UplinkMonitor } from '../../src/monitor/monitor.js'
import { ping } from '../../src/protocols/icmp/ping.js'
import type { RoutingChange } from '../../src/routing/event-types.js'
import { UplinkRouting } from '../../src/routing/routing.js'
import { lab } from '../lab/index.js'
import { runWithInput } from '../lab/processes.js'
import { netvia, objects } from '../unit/cli-process.js'
import { blocksOf } from '../unit/markdown.js'
import {
  atEnd,
  cable,
  everything,
  ip,
  monitored,
  outgoing,
  removeDefaultRoute,
  routed,
  states,
  table,
  uplinks,
} from './routed-uplinks.js'

describe('start and stop', () => {
  test('restore the rules and routes, and each uplink has its table in between', async () => {
    const before = everything()
    const monitor = await monitored()
    const { routing, warnings } = await routed(monitor)
    const { wan1, wan2 } = lab
    expect(table(7770)).toMatch(`default via ${wan1.gateway4} dev wan1 proto 77`)
    expect(table(7770, '-6')).toMatch(`default via ${wan1.gateway6} dev wan1 proto 77`)
    expect(table(7771)).toMatch(`default via ${wan1.gateway4} dev wan1 proto 77`)
    expect(table(7772)).toMatch(`default via ${wan2.gateway4} dev wan2 proto 77`)
    expect(table(7772, '-6')).toMatch(`default via ${wan2.gateway6} dev wan2 proto 77`)
    const rules = ip('rule').trim().split('\n')
    expect(rules).toContain('20000:\tfrom all lookup main suppress_prefixlength 0 proto 77')
    expect(rules).toContain(`20001:\tfrom ${wan2.address4} lookup 7772 proto 77`)
    expect(rules).toContain('20001:\tfrom all oif wan2 lookup 7772 proto 77')
    expect(rules).toContain('20002:\tfrom all lookup 7770 proto 77')
    expect(routing.snapshot()).toEqual({
      running: true,
      ipv4: { uplinks: ['fibre'], unreachable: false },
      ipv6: { uplinks: ['fibre'], unreachable: false },
      uplinks: [
        {
          ...{ name: 'fibre', device: 'wan1', table: 7771, gateway4: wan1.gateway4, gateway6: wan1.gateway6 },
          addresses: [wan1.address4, wan1.address6],
        },
        {
          ...{ name: 'lte', device: 'wan2', table: 7772, gateway4: wan2.gateway4, gateway6: wan2.gateway6 },
          addresses: [wan2.address4, wan2.address6],
        },
      ],
    })
    await wait(100)
    await routing.stop()
    expect(everything()).toBe(before)
    expect(routing.snapshot()).toMatchObject({ running: false, uplinks: [] })
    expect(warnings).toEqual([])
  })

  test("keep the main table's other routes, and the options for the numbers", async () => {
    const monitor = await monitored()
    ip('route', 'add', '203.0.113.0/24', 'via', lab.wan2.gateway4)
    onTestFinished(() => void ip('route', 'del', '203.0.113.0/24', 'via', lab.wan2.gateway4))
    await routed(monitor, { table: 5000, rulePriority: 1000, ipv6: false })
    expect(outgoing('203.0.113.1')).toBe('wan2')
    expect(outgoing('203.0.114.1')).toBe('wan1')
    expect(table(5002)).toMatch('dev wan2')
    expect(ip('rule')).toMatch('1002:\tfrom all lookup 5000')
    expect(ip('-6', 'rule')).not.toMatch('proto 77')
  })

  test('copy the MTU and other metrics of a route, as DHCP clients set them', async () => {
    const monitor = await monitored()
    const narrow = ['default', 'via', lab.wan1.gateway4, 'dev', 'wan1', 'metric', '50']
    ip('route', 'add', ...narrow, 'mtu', '1400', 'advmss', '1300')
    onTestFinished(() => void ip('route', 'del', ...narrow))
    const { routing, warnings } = await routed(monitor, { policy: 'weighted', ipv6: false })
    for (const number of [7770, 7771]) expect(table(number)).toMatch(/ mtu 1400 advmss 1300/)
    expect(table(7772)).not.toMatch('mtu')
    ip('route', 'change', ...narrow, 'mtu', '1300')
    await expect.poll(() => table(7770)).toMatch(' mtu 1300')
    expect(table(7771)).toMatch(' mtu 1300')
    await routing.stop()
    expect(warnings.filter(({ source }) => source !== 'configuration')).toEqual([])
  })

  test('work with a nexthop object whose gateway is marked as on-link', async () => {
    const monitor = await monitored()
    lab.run('router', 'sysctl', '-qw', 'net.ipv4.nexthop_compat_mode=0')
    onTestFinished(() => void lab.run('router', 'sysctl', '-qw', 'net.ipv4.nexthop_compat_mode=1'))
    ip('nexthop', 'add', 'id', '7', 'via', '10.250.0.1', 'dev', 'wan2', 'onlink')
    onTestFinished(() => void ip('nexthop', 'del', 'id', '7'))
    ip('route', 'add', 'default', 'nhid', '7', 'metric', '1')
    const { warnings } = await routed(monitor)
    expect(table(7772)).toMatch('default via 10.250.0.1 dev wan2 proto 77 onlink')
    expect(warnings).toEqual([])
  })

  test('a second time in one network namespace are refused', async () => {
    const monitor = await monitored()
    const { routing } = await routed(monitor)
    const other = new UplinkRouting(monitor)
    await expect(other.start()).rejects.toMatchObject({ code: 'ERR_ROUTING_IN_USE' })
    await routing.start()
    await routing.stop()
    await other.start()
    await other.stop()
  })

  test('a hundred times leave nothing behind, even with concurrent calls', async () => {
    const monitor = await monitored()
    const before = everything()
    const routing = new UplinkRouting(monitor)
    for (let i = 0; i < 100; i++) {
      const started = routing.start()
      if (i % 2) await started
      await routing.stop()
    }
    expect(everything()).toBe(before)
  })
})

/** Starts a process with a monitor and routing. Resolves once the routes are set. */
async function routedProcess(prefix: string[] = []) {
  const program = fileURLToPath(new URL('routed.mjs', import.meta.url))
  const [command, ...args] = [...prefix, process.execPath, program, JSON.stringify(uplinks())]
  const child = lab.spawn('router', command!, ...args)
  const lines = createInterface(child.stdout!)
  const [line] = await once(lines, 'line')
  return { child, line: JSON.parse(line) }
}

describe('failover', () => {
  test('follows the cable of the preferred uplink, there and back', async () => {
    const monitor = await monitored()
    const { routing, warnings } = await routed(monitor)
    expect([outgoing(lab.server.address4), outgoing(lab.server.address6)]).toEqual(['wan1', 'wan1'])
    const changes: RoutingChange[] = []
    routing.on('change', change => changes.push(change))
    cable('down')
    onTestFinished(() => void cable('up'))
    await expect.poll(() => changes.length).toBe(2)
    expect(changes).toMatchObject([4, 6].map(family => ({ family, from: ['fibre'], to: ['lte'] })))
    expect([outgoing(lab.server.address4), outgoing(lab.server.address6)]).toEqual(['wan2', 'wan2'])
    expect(routing.snapshot()).toMatchObject({ ipv4: { uplinks: ['lte'] }, ipv6: { uplinks: ['lte'] } })
    cable('up')
    await expect.poll(() => changes.length, { timeout: 5000 }).toBe(4)
    expect([outgoing(lab.server.address4), outgoing(lab.server.address6)]).toEqual(['wan1', 'wan1'])
    expect(warnings).toEqual([])
  })

  test('sockets bound to a device, or to its address, keep using its table', async () => {
    await routed(await monitored())
    const way = (...selector: string[]) => / dev (\S+)/.exec(ip('route', 'get', '203.0.113.1', ...selector))![1]
    expect(way()).toBe('wan1')
    expect(way('oif', 'wan2')).toBe('wan2')
    expect(way('from', lab.wan2.address4)).toBe('wan2')
    const way6 = / dev (\S+)/.exec(ip('route', 'get', lab.server.address6, 'from', lab.wan2.address6))![1]
    expect(way6).toBe('wan2')
  })

  test('follows changes of the gateway, the addresses and the devices', async () => {
    const { device, address4, gateway4, remove } = lab.addDevice('tmp0')
    const check = { type: 'ping', host: lab.server.address4 } as const
    const third = { name: 'cable', device, priority: 3, checks: [check] }
    const monitor = new UplinkMonitor({ interval: 100, uplinks: [...uplinks(), third] })
    atEnd.push(() => monitor.stop())
    monitor.start()
    const { routing, warnings } = await routed(monitor)
    const own = () => routing.snapshot().uplinks[2]
    expect(own()).toMatchObject({ table: 7773, gateway4, addresses: [address4, expect.anything()] })
    ip('route', 'replace', 'default', 'via', '10.77.1.9', 'dev', device, 'metric', '901')
    await expect.poll(() => table(7773)).toMatch('via 10.77.1.9')
    ip('address', 'add', '10.77.1.5/24', 'dev', device)
    await expect.poll(() => ip('rule')).toMatch('from 10.77.1.5 lookup 7773')
    ip('address', 'del', '10.77.1.5/24', 'dev', device)
    await expect.poll(() => ip('rule')).not.toMatch('10.77.1.5')
    remove()
    await expect.poll(() => own()).toMatchObject({ gateway4: undefined, addresses: [] })
    expect(ip('rule')).not.toMatch(`from ${address4}`)
    const later = lab.addDevice('tmp0')
    await expect.poll(() => table(7773)).toMatch(`via ${later.gateway4}`)
    await expect.poll(() => ip('rule')).toMatch(`from ${later.address4} lookup 7773`)
    expect(warnings).toEqual([])
  })

  test('new uplinks in the monitor get routes, and an uplink keeps its table', async () => {
    const monitor = await monitored()
    const { routing, warnings } = await routed(monitor)
    const [, lte] = uplinks()
    await monitor.configure({ interval: 100, uplinks: [lte!] })
    await expect.poll(() => outgoing(lab.server.address4)).toBe('wan2')
    expect(table(7772)).toMatch('dev wan2')
    expect(ip('rule')).not.toMatch(lab.wan1.address4)
    const checks = [{ type: 'ping', host: lab.server.address4 } as const]
    await monitor.configure({ interval: 100, uplinks: [lte!, { name: 'tunnel', checks }] })
    await expect.poll(() => warnings).toMatchObject([{ source: 'configuration', message: /tunnel has no device/ }])
    expect(routing.snapshot().uplinks).toHaveLength(1)
    expect(() => new UplinkRouting(monitor)).toThrow(/device of uplink tunnel/)
  })
})

describe('all uplinks down', () => {
  const dead = { type: 'ping', host: '203.0.113.77' } as const
  const down = uplinks().map(uplink => ({ ...uplink, checks: [dead] }))
  const route = () => {
    try {
      return outgoing(lab.server.address4)
    } catch {
      return undefined
    }
  }

  test('keep: the last one stays active', async () => {
    const monitor = await monitored({ down: 1 })
    const { routing } = await routed(monitor)
    await monitor.configure({ interval: 50, timeout: 100, down: 1, uplinks: down })
    await expect.poll(() => states(monitor), { timeout: 5000 }).toEqual(['down', 'down'])
    // The uplinks went down one after the other.
    expect(routing.snapshot().ipv4).toMatchObject({ uplinks: [expect.any(String)], unreachable: false })
    expect(route()).toMatch(/wan[12]/)
  })

  test('unreachable: packets are rejected, except those of checks, until one works again', async () => {
    const monitor = await monitored({ down: 1 })
    const { routing, warnings } = await routed(monitor, { whenAllDown: 'unreachable' })
    await monitor.configure({ interval: 50, timeout: 100, down: 1, uplinks: down })
    await expect.poll(() => routing.snapshot().ipv4, { timeout: 5000 }).toEqual({ uplinks: [], unreachable: true })
    expect(table(7770)).toMatch(/^unreachable default proto 77/)
    expect(table(7770, '-6')).toMatch(/^unreachable default .*proto 77/)
    expect(route()).toBe(undefined)
    // Without this, no check could ever find that an uplink works again.
    expect(await ping(lab.server.address4, { device: 'wan2', timeout: 1000 })).toMatchObject({ outcome: 'reply' })
    expect(await ping(lab.server.address6, { device: 'wan2', timeout: 1000 })).toMatchObject({ outcome: 'reply' })
    await monitor.configure({ interval: 50, up: 1, uplinks: uplinks() })
    await expect.poll(route, { timeout: 10_000 }).toBe('wan1')
    expect(table(7770, '-6')).toMatch('dev wan1')
    expect(warnings).toEqual([])
  })

  test('unreachable: IPv6 without a default route of any uplink is unchanged until all are down', async () => {
    for (const device of ['wan1', 'wan2']) removeDefaultRoute('-6', device)
    // A default route through another device, such as a tunnel.
    const tunnel = ['default', 'dev', 'slow0', 'metric', '300']
    ip('-6', 'route', 'add', ...tunnel)
    onTestFinished(() => void ip('-6', 'route', 'del', ...tunnel))
    const monitor = await monitored({ down: 1 })
    const { routing } = await routed(monitor, { whenAllDown: 'unreachable' })
    expect(routing.snapshot().ipv6).toEqual({ uplinks: [], unreachable: false })
    expect(outgoing(lab.server.address6)).toBe('slow0')
    await monitor.configure({ interval: 50, timeout: 100, down: 1, uplinks: down })
    await expect.poll(() => routing.snapshot().ipv6, { timeout: 5000 }).toEqual({ uplinks: [], unreachable: true })
    expect(table(7770, '-6')).toMatch(/^unreachable default /)
  })
})

describe('weighted', () => {
  test('has a next hop for each working uplink, and a single one if only one works', async () => {
    const monitor = await monitored()
    const { routing, warnings } = await routed(monitor, { policy: 'weighted' })
    for (const family of ['-4', '-6']) {
      expect(table(7770, family)).toMatch(/nexthop via \S+ dev wan1 weight 3\s+nexthop via \S+ dev wan2 weight 1/)
    }
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining('net.ipv4.fib_multipath_hash_policy is 0'),
      expect.stringContaining('net.ipv6.fib_multipath_hash_policy is 0'),
    ])
    onTestFinished(() => void cable('up'))
    for (let i = 0; i < 3; i++) {
      cable('down')
      await expect.poll(() => routing.snapshot().ipv6!.uplinks).toEqual(['lte'])
      for (const family of ['-4', '-6'])
        expect(table(7770, family)).toMatch(/^default via \S+ dev wan2 proto 77[^\n]*$/)
      cable('up')
      await expect.poll(() => routing.snapshot().ipv6!.uplinks, { timeout: 5000 }).toEqual(['fibre', 'lte'])
      for (const family of ['-4', '-6']) expect(table(7770, family).match(/nexthop/g)).toHaveLength(2)
    }
    expect(warnings).toHaveLength(2)
  })

  test('has IPv6 hops without a gateway too, as with PPP and LTE', async () => {
    removeDefaultRoute('-6', 'wan2')
    const route = ['default', 'dev', 'wan2', 'metric', '200']
    ip('-6', 'route', 'add', ...route)
    onTestFinished(() => void ip('-6', 'route', 'del', ...route))
    const { warnings } = await routed(await monitored(), { policy: 'weighted' })
    expect(table(7770, '-6').match(/dev wan[12]/g)).toHaveLength(2)
    expect(table(7772, '-6')).toMatch(/^default dev wan2 /)
    expect(warnings.filter(({ source }) => source !== 'configuration')).toEqual([])
  })
})

describe('interference', () => {
  test('is repaired and reported, at most five times a minute', async () => {
    const monitor = await monitored()
    const { routing, warnings } = await routed(monitor)
    const rule = ['rule', 'del', 'priority', '20002']
    ip(...rule)
    await expect.poll(() => ip('rule')).toMatch('20002:\tfrom all lookup 7770')
    expect(warnings).toMatchObject([
      { source: 'interference', message: expect.stringContaining('the IPv4 rule 20002: lookup 7770; it is put back') },
    ])
    ip('-6', 'route', 'flush', 'table', '7770')
    await expect.poll(() => table(7770, '-6')).toMatch('default via')
    ip('route', 'replace', 'default', 'via', lab.wan2.gateway4, 'table', '7770')
    await expect.poll(() => table(7770)).toMatch('dev wan1 proto 77')
    expect(warnings[2]!.message).toMatch('the IPv4 default route of table 7770')
    for (let i = 0; i < 2; i++) {
      ip(...rule)
      await expect.poll(() => ip('rule')).toMatch('20002:')
    }
    ip(...rule)
    await expect.poll(() => warnings.length).toBe(6)
    expect(warnings[5]!.message).toMatch('again and again; it is put back in 60 s')
    await wait(300)
    expect(ip('rule')).not.toMatch('20002:')
    expect(warnings).toHaveLength(6)
    await routing.stop()
    expect(ip('rule')).not.toMatch('proto 77')
  })
})

describe('a process that is killed', () => {
  test('leaves the last choice active, and the next process takes over without a gap', async () => {
    const before = everything()
    const { child } = await routedProcess()
    cable('down')
    onTestFinished(() => void cable('up'))
    await expect.poll(() => outgoing(lab.server.address4), { timeout: 5000 }).toBe('wan2')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(outgoing(lab.server.address4)).toBe('wan2')
    const watch = lab.spawn('router', 'ip', 'monitor', 'route', 'rule')
    let seen = ''
    watch.stdout!.on('data', text => {
      seen += text
    })
    await wait(300)
    const monitor = new UplinkMonitor({ interval: 100, uplinks: uplinks() })
    atEnd.push(() => monitor.stop())
    monitor.start()
    const { routing } = await routed(monitor)
    // The preferred uplink is dead, but has no verdict yet.
    expect(routing.snapshot()).toMatchObject({ ipv4: { uplinks: ['lte'] }, ipv6: { uplinks: ['lte'] } })
    await expect.poll(() => states(monitor), { timeout: 5000 }).toEqual(['down', 'up'])
    await wait(200)
    expect(outgoing(lab.server.address4)).toBe('wan2')
    expect(seen).toBe('')
    await routing.stop()
    cable('up')
    await expect.poll(everything).toBe(before)
  })
})

describe('netvia doctor', () => {
  const doctor = async () => {
    const found = objects(await netvia(['doctor', '--json', '-I', 'lo'])) as { about: string; fix?: string }[]
    return found.find(({ about }) => about === 'routing')
  }

  test('finds the routes of a process that was killed, and the command that removes them and no others', async () => {
    // A route of another program with the same protocol number.
    const foreign = ['default', 'via', lab.wan2.gateway4, 'metric', '9000', 'proto', '77']
    ip('route', 'add', ...foreign)
    onTestFinished(() => void ip('route', 'del', ...foreign))
    expect(await doctor()).toBeUndefined()
    const before = everything()
    const { child } = await routedProcess()
    expect(await doctor()).toMatchObject({ status: 'yes', detail: expect.stringContaining('follow the uplinks') })
    child.kill('SIGKILL')
    await once(child, 'exit')
    const left = await doctor()
    expect(left).toMatchObject({
      status: 'no',
      optional: true,
      detail: expect.stringMatching(/^\d+ routes and \d+ rules/),
    })
    lab.run('router', 'sh', '-ec', left!.fix!)
    expect(everything()).toBe(before)
    expect(await doctor()).toBeUndefined()
  })
})

describe('privileges', () => {
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs']
  const only = (capability: string) =>
    ['bounding-set', 'inh-caps', 'ambient-caps'].map(set => `--${set}=-all${capability}`)

  test('CAP_NET_ADMIN alone is enough', async () => {
    const { child, line } = await routedProcess([...nobody, ...only(',+net_admin')])
    expect(line).toMatchObject({ running: true })
    child.kill('SIGTERM')
    await once(child, 'exit')
    expect(ip('rule')).not.toMatch('proto 77')
  })

  test('without it the start is refused, and the error says what is missing', async () => {
    const { line } = await routedProcess([...nobody, ...only('')])
    expect(line).toMatchObject({ code: 'EPERM', hint: expect.stringContaining('CAP_NET_ADMIN') })
  })
})

describe('netvia monitor', () => {
  test('sets the routes that its file requests, follows the file, and removes them when it ends', async () => {
    const before = everything()
    const file = join(lab.folder, 'routed.yaml')
    const write = (routing: string) =>
      writeFileSync(file, JSON.stringify({ interval: '100ms', uplinks: uplinks() }).replace('{', `{${routing}`))
    write('"routing": { "ipv6": false },')
    const child = lab.spawn('router', process.execPath, 'dist/cli.cjs', 'monitor', '--no-socket', '-c', file, '--json')
    const lines: { event: string; [key: string]: unknown }[] = []
    createInterface(child.stdout!).on('line', line => lines.push(JSON.parse(line)))
    const routes = () => lines.filter(({ event }) => event === 'route')
    await expect.poll(routes, { timeout: 5000 }).toMatchObject([{ family: 4, from: [], to: ['fibre'] }])
    expect(table(7770)).toMatch('dev wan1')
    write('"routing": { "table": 5000, "ipv4": false },')
    child.kill('SIGHUP')
    await expect.poll(() => table(5000, '-6'), { timeout: 5000 }).toMatch('dev wan1')
    expect(ip('rule')).not.toMatch('proto 77')
    write('')
    child.kill('SIGHUP')
    await expect.poll(everything, { timeout: 5000 }).toBe(before)
    write('"routing": {},')
    child.kill('SIGHUP')
    await expect.poll(() => table(7770), { timeout: 5000 }).toMatch('dev wan1')
    child.kill('SIGTERM')
    await once(child, 'exit')
    expect(everything()).toBe(before)
  })

  test('keeps setting routes if another program uses a table, and they follow the uplinks', async () => {
    const foreign = ['default', 'via', lab.wan2.gateway4, 'table', '6000']
    ip('route', 'add', ...foreign)
    onTestFinished(() => void ip('route', 'del', ...foreign))
    const before = everything()
    const file = join(lab.folder, 'refused.yaml')
    const give = (table: number) =>
      writeFileSync(file, JSON.stringify({ interval: '100ms', routing: { table }, uplinks: uplinks() }))
    give(7770)
    const child = lab.spawn('router', process.execPath, 'dist/cli.cjs', 'monitor', '--no-socket', '-c', file)
    let said = ''
    child.stdout!.resume()
    child.stderr!.on('data', data => {
      said += data
    })
    await expect.poll(() => table(7770), { timeout: 15_000 }).toMatch('dev wan1')
    give(6000)
    child.kill('SIGHUP')
    await expect.poll(() => said, { timeout: 15_000 }).toMatch(/6000.*\nnetvia: the routes are set as before\n/)
    expect(table(7770)).toMatch('dev wan1')
    onTestFinished(() => void cable('up'))
    cable('down')
    await expect.poll(() => table(7770), { timeout: 15_000 }).toMatch('dev wan2')
    cable('up')
    child.kill('SIGTERM')
    await once(child, 'exit')
    await expect.poll(everything, { timeout: 15_000 }).toBe(before)
  })

  test('works with the first configuration in docs/routers.md', async () => {
    const before = everything()
    const [configuration] = blocksOf('docs/routers.md', 'yaml')
    const [firewall] = blocksOf('docs/routers.md', 'text').filter(({ source }) => source.includes('masquerade'))
    // The page's devices exist in the laboratory, but its targets don't.
    const file = join(lab.folder, 'routers-page.yaml')
    writeFileSync(file, configuration!.source.replace(/host: [\d.]+/g, `host: ${lab.server.address4}`))
    runWithInput('router', firewall!.source, 'nft', '--check', '-f', '-')
    const child = lab.spawn('router', process.execPath, 'dist/cli.cjs', 'monitor', '--no-socket', '-c', file, '--json')
    child.stdout!.resume()
    await expect.poll(() => table(7770), { timeout: 15_000 }).toMatch('dev wan1')
    expect(outgoing(lab.server.address4)).toBe('wan1')
    onTestFinished(() => void cable('up'))
    cable('down')
    await expect.poll(() => table(7770), { timeout: 15_000 }).toMatch('dev wan2')
    child.kill('SIGTERM')
    await once(child, 'exit')
    cable('up')
    await expect.poll(everything, { timeout: 15_000 }).toBe(before)
  })
})
