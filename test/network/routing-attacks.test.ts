import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { UplinkRouting } from '../../src/routing/routing.js'
import { onDeviceChange } from '../../src/system/netlink/changes.js'
import { lab } from '../lab/index.js'
import { runWithInput } from '../lab/processes.js'
import { atEnd, cable, everything, ip, monitored, outgoing, routed, table } from './routed-uplinks.js'

let loops = 0

/** Repeats commands in the router until the test ends. */
function inLoop(commands: string): () => Promise<void> {
  const flag = join(lab.folder, `loop-${++loops}`)
  writeFileSync(flag, '')
  const child = lab.spawn('router', 'sh', '-c', `while [ -e ${flag} ]; do ${commands}; done`)
  const exited = once(child, 'exit')
  const end = async () => {
    rmSync(flag, { force: true })
    await exited
  }
  atEnd.push(end)
  return end
}

/** Runs ip(8) commands in the router. */
const batch = (lines: string[]) => void runWithInput('router', lines.join(''), 'ip', '-batch', '-')

/** Replaces an uplink's default route in the main table by one to an unreachable gateway. */
function loseGateway() {
  const { gateway4 } = lab.wan2
  ip('route', 'add', '192.0.2.222', 'dev', 'wan2')
  ip('route', 'add', 'default', 'via', '192.0.2.222', 'dev', 'wan2', 'metric', '1')
  ip('route', 'del', '192.0.2.222', 'dev', 'wan2')
  const repair = () => {
    ip('route', 'add', '192.0.2.222', 'dev', 'wan2')
  }
  onTestFinished(() => {
    ip('route', 'del', 'default', 'via', '192.0.2.222', 'dev', 'wan2', 'metric', '1')
    lab.run('router', 'sh', '-c', 'ip route del 192.0.2.222 dev wan2 2>&- || true')
  })
  return { repair, gateway4 }
}

describe('what the kernel refuses', () => {
  test('is reported once, tried again, and does not affect other routes', { timeout: 30_000 }, async () => {
    const monitor = await monitored()
    const { repair } = loseGateway()
    const { routing, warnings } = await routed(monitor)
    expect(warnings).toMatchObject([
      { source: 'kernel', message: expect.stringMatching(/refuses a route: .*the IPv4 default route of table 7772/) },
    ])
    expect(table(7771)).toMatch('dev wan1 proto 77')
    expect(table(7772)).toBe('')
    expect(outgoing(lab.server.address4)).toBe('wan1')
    await wait(1500)
    expect(warnings).toHaveLength(1)
    repair()
    await expect.poll(() => table(7772), { timeout: 10_000 }).toMatch('via 192.0.2.222 dev wan2')
    expect(warnings).toHaveLength(1)
    await routing.stop()
    expect(everything()).not.toMatch('proto 77')
  })

  test('is reported at the start if another program uses a table, and nothing is left', async () => {
    const monitor = await monitored()
    const foreign = ['default', 'via', lab.wan2.gateway4, 'table', '7770']
    ip('route', 'add', ...foreign)
    onTestFinished(() => void ip('route', 'flush', 'table', '7770'))
    const before = everything()
    const routing = new UplinkRouting(monitor)
    await expect(routing.start()).rejects.toMatchObject({
      code: 'ERR_ROUTING_IN_USE',
      message: expect.stringContaining('another program has a default route in table 7770'),
      hint: expect.stringContaining('ip route show table 7770'),
    })
    expect(everything()).toBe(before)
    const { routing: other } = await routed(monitor, { table: 5000 })
    await other.stop()
    expect(everything()).toBe(before)
  })
})

describe('the state of other programs', () => {
  test('is left alone: tables with the numbers of the uplinks, the same rules, routes of the main table', async () => {
    const monitor = await monitored()
    ip('route', 'add', 'default', 'via', lab.wan2.gateway4, 'table', '7771')
    ip('rule', 'add', 'priority', '20002', 'lookup', '7770')
    ip('route', 'add', 'default', 'via', lab.wan2.gateway4, 'metric', '9000', 'proto', '77')
    onTestFinished(() => {
      ip('route', 'flush', 'table', '7771')
      ip('rule', 'del', 'priority', '20002')
      ip('route', 'del', 'default', 'metric', '9000')
    })
    const before = everything()
    const { routing, warnings } = await routed(monitor)
    expect(routing.snapshot().uplinks.map(uplink => uplink.table)).toEqual([7772, 7773])
    expect(outgoing(lab.server.address4)).toBe('wan1')
    // A change that makes routing read the state again.
    ip('address', 'add', '10.77.1.5/32', 'dev', 'wan2')
    await expect.poll(() => ip('rule')).toMatch('from 10.77.1.5')
    ip('address', 'del', '10.77.1.5/32', 'dev', 'wan2')
    await expect.poll(() => ip('rule')).not.toMatch('from 10.77.1.5')
    expect(warnings).toEqual([])
    await routing.stop()
    expect(everything()).toBe(before)
  })

  test('gets no traffic by a default route that it adds to the table of the route in force', async () => {
    const monitor = await monitored()
    const { routing } = await routed(monitor)
    const routes = [
      ['-4', 'default', 'via', lab.wan2.gateway4],
      ['-6', 'default', 'via', lab.wan2.gateway6],
    ] as const
    for (const [family, ...route] of routes) ip(family, 'route', 'add', ...route, 'table', '7770', 'metric', '10')
    onTestFinished(() => {
      for (const [family] of routes) ip(family, 'route', 'flush', 'table', '7770')
    })
    for (const address of [lab.server.address4, lab.server.address6]) expect(outgoing(address)).toBe('wan1')
    await routing.stop()
    expect(everything()).not.toMatch('proto 77')
  })

  test('rules behind those of netvia, as wg-quick has them, are reported', async () => {
    const monitor = await monitored()
    ip('rule', 'add', 'not', 'fwmark', '0xca6c', 'priority', '32765', 'lookup', '51820')
    ip('rule', 'add', 'priority', '32764', 'lookup', 'main', 'suppress_prefixlength', '0')
    ip('rule', 'add', 'fwmark', '0x1', 'priority', '900', 'lookup', '52')
    onTestFinished(() => {
      for (const priority of ['32765', '32764', '900']) ip('rule', 'del', 'priority', priority)
    })
    const { warnings } = await routed(monitor)
    expect(warnings).toMatchObject([
      { source: 'configuration', message: expect.stringMatching(/: 32765 \(table 51820\); .* below 20000$/) },
    ])
  })

  test('may change constantly, and the routes still follow the uplinks', { timeout: 30_000 }, async () => {
    const monitor = await monitored()
    const { routing } = await routed(monitor)
    // With so many routes, reading takes longer than the pauses between the changes.
    const many = Array.from({ length: 15_000 }, (_, i) => `10.${64 + (i >> 16)}.${(i >> 8) & 255}.${i & 255} dev lo\n`)
    batch(many.map(route => `route add ${route}`))
    onTestFinished(() => batch(many.map(route => `route del ${route}`)))
    const own = 'rule del priority 20002 lookup 7770 proto 77\nrule add priority 20002 lookup 7770 proto 77\n'
    const file = join(lab.folder, 'fight.batch')
    writeFileSync(file, own.repeat(500))
    const end = inLoop(`ip -force -batch ${file} 2>/dev/null`)
    const { address4, remove } = lab.addDevice('tmp0')
    await wait(500)
    const check = { type: 'ping', host: lab.server.address4 } as const
    await monitor.configure({
      interval: 100,
      uplinks: [...['wan1', 'wan2', 'tmp0'].map(device => ({ name: device, device, checks: [check] }))],
    })
    await expect.poll(() => ip('rule'), { timeout: 10_000 }).toMatch(`from ${address4} `)
    cable('down')
    onTestFinished(() => void cable('up'))
    await expect.poll(() => routing.snapshot().ipv4!.uplinks, { timeout: 10_000 }).toEqual(['wan2'])
    await end()
    remove()
    await routing.stop()
    expect(everything()).not.toMatch('proto 77')
  })
})

describe('a flood of route changes', () => {
  test('is processed in parts, between which other work has its turn', async () => {
    // By then, the changes of the previous test have been processed.
    await wait(500)
    let [turn, most, seen] = [0, 0, 0]
    atEnd.push(async () => unsubscribe())
    const unsubscribe = onDeviceChange(({ type }) => {
      if (type !== 'route') return
      seen++
      most = Math.max(most, ++turn)
      setImmediate(() => {
        turn = 0
      })
    })
    const routes = Array.from({ length: 600 }, (_, i) => `10.66.${i >> 8}.${i & 255} dev lo\n`)
    batch(routes.map(route => `route add ${route}`))
    await expect.poll(() => seen).toBeGreaterThanOrEqual(600)
    expect(most).toBeLessThanOrEqual(256)
    batch(routes.map(route => `route del ${route}`))
  })

  test('does not block the event loop, and the last change is known', async () => {
    const monitor = await monitored()
    const { routing, warnings } = await routed(monitor)
    let seen = 0
    let overruns = 0
    const unsubscribe = onDeviceChange(({ type }) => {
      seen++
      if (type === 'overrun') overruns++
    })
    atEnd.push(async () => unsubscribe())
    const files = [1, 2, 3].map(number => {
      const of = (verb: string) =>
        Array.from({ length: 5000 }, (_, i) => `route ${verb} 10.${60 + number}.${i >> 8}.${i & 255} dev lo\n`).join('')
      const file = join(lab.folder, `flood-${number}.batch`)
      writeFileSync(file, of('add') + of('del'))
      return file
    })
    const ends = files.map(file => inLoop(`ip -force -batch ${file} 2>/dev/null`))
    // CPU and not time, because the floods themselves keep a small machine busy.
    const turns: number[] = []
    let last = process.cpuUsage()
    const timer = setInterval(() => {
      const { user, system } = process.cpuUsage(last)
      turns.push((user + system) / 1000)
      last = process.cpuUsage()
    }, 10)
    await wait(8000)
    clearInterval(timer)
    const longest = Math.round(Math.max(...turns))
    console.log(
      `flood of routes: ${seen} changes, ${overruns} overruns; ${turns.length} turns of ${longest} ms of CPU at most`,
    )
    expect(seen).toBeGreaterThan(1000)
    expect(longest).toBeLessThan(500)
    cable('down')
    onTestFinished(() => void cable('up'))
    await expect.poll(() => routing.snapshot().ipv4!.uplinks).toEqual(['lte'])
    await Promise.all(ends.map(end => end()))
    lab.run('router', 'sh', '-c', files.map(file => `ip -force -batch ${file} 2>/dev/null || true`).join('; '))
    ip('address', 'add', '10.77.1.5/32', 'dev', 'wan2')
    onTestFinished(() => void ip('address', 'del', '10.77.1.5/32', 'dev', 'wan2'))
    await expect.poll(() => ip('rule')).toMatch('from 10.77.1.5')
    expect(warnings).toEqual([])
  })
})
