import { setMaxListeners } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ping } from '../../src/protocols/icmp/ping.js'
import { type PingsOptions, pings } from '../../src/protocols/icmp/pings.js'
import type { PingResult } from '../../src/protocols/icmp/result.js'
import { sweep } from '../../src/protocols/icmp/sweep/sweep.js'
import { lab } from '../lab/index.js'
import { openSockets } from '../unit/open-sockets.js'

const { address4: host4, address6: host6 } = lab.server
const families = [
  { family: 4, host: host4 },
  { family: 6, host: host6 },
]

/** Runs a ping series in the background until the end of the test. */
function follow(host: string, options: PingsOptions) {
  const results: PingResult[] = []
  const series = pings(host, options)
  const ended = (async () => {
    for await (const result of series) results.push(result)
  })()
  const end = async () => {
    await series.return()
    await ended
  }
  onTestFinished(end)
  return {
    results,
    series,
    end,
    /** The outcome of the last probe, with the code of a local error. */
    last: () => [results.at(-1)?.outcome, results.at(-1)?.error?.code].filter(Boolean).join(' '),
    /** Waits for a reply to a probe that is sent after this call. Returns the time until it was sent, in ms. */
    async repliedAfter(): Promise<number> {
      const now = Date.now()
      const fresh = () => results.find(({ outcome, sentAt }) => outcome === 'reply' && sentAt > now)
      await expect.poll(fresh, { timeout: 5000, interval: 10 }).toBeDefined()
      return fresh()!.sentAt - now
    },
  }
}

describe.each(families)('a series over IPv$family', ({ family, host }) => {
  test.each([50, 10_000])('the device deleted and made again, with other numbers: every %i ms', async interval => {
    const name = `away${family}${interval}`
    const first = lab.addDevice(name)
    const { results, last, repliedAfter } = follow(host, { device: name, interval, timeout: 2000 })
    await expect.poll(last).toBe('reply')
    first.remove()
    if (interval === 50) await expect.poll(last).toBe('send-failed ENODEV')
    await sleep(300)
    const { device } = lab.addDevice(name)
    expect(await repliedAfter()).toBeLessThan(1000)
    const failed = results.filter(({ outcome }) => outcome !== 'reply')
    expect(new Set(failed.map(({ error }) => error?.code))).toEqual(new Set(interval === 50 ? ['ENODEV'] : []))
    expect(await ping(host, { device })).toMatchObject({ outcome: 'reply' })
  })

  test.each([50, 10_000])('the device switched off and on: every %i ms', async interval => {
    const { device, gateway4, gateway6, remove } = lab.addDevice(`off${family}${interval}`)
    const { results, last, repliedAfter } = follow(host, { device, interval, timeout: 2000 })
    await expect.poll(last).toBe('reply')
    lab.run('router', 'ip', 'link', 'set', device, 'down')
    if (interval === 50) await expect.poll(last).toMatch(/^send-failed E(NETUNREACH|NETDOWN|NODEV)$/)
    await sleep(300)
    lab.run('router', 'ip', 'link', 'set', device, 'up')
    // The kernel removes routes and IPv6 addresses with the link.
    const [gateway, prefix] = family === 4 ? [gateway4, undefined] : [gateway6, gateway6.replace('::2', '::1/64')]
    if (prefix) lab.run('router', 'ip', 'address', 'replace', prefix, 'dev', device, 'nodad')
    lab.run('router', 'ip', 'route', 'replace', 'default', 'via', gateway, 'dev', device, 'metric', '990')
    expect(await repliedAfter()).toBeLessThan(1000)
    expect(results.filter(({ outcome }) => outcome === 'timeout')).toEqual([])
    remove()
  })

  test('the address of the device changed', async () => {
    const { device, gateway4, gateway6, remove } = lab.addDevice(`moved${family}`)
    const { results, last, repliedAfter } = follow(host, { device, interval: 50, timeout: 2000 })
    await expect.poll(last).toBe('reply')
    const [old, fresh] =
      family === 4
        ? [gateway4.replace(/2$/, '1/24'), gateway4.replace(/2$/, '9/24')]
        : [gateway6.replace(/2$/, '1/64'), gateway6.replace(/2$/, '9/64')]
    lab.run('router', 'ip', 'address', 'delete', old!, 'dev', device)
    await sleep(200)
    lab.run('router', 'ip', 'address', 'add', fresh!, 'dev', device, ...(family === 6 ? ['nodad'] : []))
    const gateway = family === 4 ? gateway4 : gateway6
    lab.run('router', 'ip', 'route', 'replace', 'default', 'via', gateway, 'dev', device, 'metric', '991')
    expect(await repliedAfter()).toBeLessThan(1000)
    const start = results.length
    await expect.poll(() => results.length).toBeGreaterThan(start + 10)
    expect(new Set(results.slice(start).map(({ outcome }) => outcome))).toEqual(new Set(['reply']))
    remove()
  })
})

describe.each(families)('nobody on the link answers for the next hop, IPv$family', ({ family, host }) => {
  const silentUplink = (name: string) => {
    const uplink = lab.addDevice(name)
    lab.run('internet', 'ip', 'address', 'flush', 'dev', uplink.device)
    lab.run('router', 'ip', 'neighbour', 'flush', 'dev', uplink.device)
    return uplink
  }

  test('known from the first ping that waits for it', { timeout: 20_000 }, async () => {
    const { device, gateway4, gateway6, remove } = silentUplink(`mute${family}`)
    const hop = family === 4 ? gateway4 : gateway6
    const results = await Promise.all([
      ping(host, { device, timeout: 4000 }),
      ping(hop, { device, timeout: 4000 }),
      ping(lab.server[family === 4 ? 'address4' : 'address6'], { timeout: 300, device: 'wan2' }),
    ])
    for (const result of results.slice(0, 2)) {
      expect(result).toMatchObject({ outcome: 'send-failed', error: { code: 'EHOSTUNREACH', device } })
      expect(result.error!.hint).toContain('next hop')
    }
    expect(results[2]).toMatchObject({ outcome: 'reply' })
    remove()
  })

  test('a target that did not answer on the link earlier is behind a gateway now, which is still asked', async () => {
    const { device, remove } = silentUplink(`left${family}`)
    lab.run('router', 'ip', 'neighbour', 'replace', host, 'dev', device, 'nud', 'failed')
    expect(await ping(host, { device, timeout: 300 })).toMatchObject({ outcome: 'timeout' })
    remove()
  })

  test('silence beyond a neighbour that answers stays a loss', { timeout: 20_000 }, async () => {
    const silent = silentUplink(`mute${family}b`)
    const { device, remove } = lab.addDevice(`fine${family}`)
    onTestFinished(lab.fault('internet', `${family === 4 ? 'icmp type' : 'icmpv6 type'} echo-request drop`))
    const [loss, failure] = await Promise.all([
      ping(host, { device, timeout: 300 }),
      ping(host, { device: silent.device, timeout: 4000 }),
    ])
    expect(loss).toMatchObject({ outcome: 'timeout' })
    expect(failure).toMatchObject({ outcome: 'send-failed', error: { code: 'EHOSTUNREACH' } })
    remove()
    silent.remove()
  })
})

test('a sweep of the link shows the hosts that did not answer ARP', { timeout: 20_000 }, async () => {
  const { device, gateway4, address4, remove } = lab.addDevice('sweeplink')
  const outcomes = new Map<string, string>()
  for await (const { address, outcome } of sweep([address4.replace(/1$/, '0/28')], { device, timeout: 4000 })) {
    outcomes.set(address, outcome)
  }
  expect(outcomes.get(gateway4)).toBe('reply')
  const others = [...outcomes].filter(([address]) => address !== gateway4 && address !== address4)
  expect(others).toHaveLength(12)
  expect(new Set(others.map(([, outcome]) => outcome))).toEqual(new Set(['send-failed']))
  remove()
})

describe('a thousand devices deleted and made again', () => {
  const devices = 20
  const cycles = 50
  const numbers = Array.from({ length: devices }, (_, index) => index)
  const batch = (name: string, commands: string[]) => {
    const file = join(lab.folder, name)
    writeFileSync(file, `${commands.join('\n')}\n`)
    return file
  }
  const make = () =>
    batch(
      'make',
      numbers.flatMap(n => [
        `link add cycle${n} group 77 type veth peer name cycle${n} netns ${lab.names.internet}`,
        `link set cycle${n} up`,
        `address add 10.78.${n}.1/24 dev cycle${n}`,
      ]),
    )
  const answer = () =>
    batch(
      'answer',
      numbers.flatMap(n => [`link set cycle${n} up`, `address add 10.78.${n}.2/24 dev cycle${n}`]),
    )

  /** The heap's bytes in use after a full garbage collection. */
  function heapUsed(): number {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc')
    collect()
    collect()
    return process.memoryUsage().heapUsed
  }

  test('series on them fail, continue automatically, and leave neither descriptors nor memory', {
    timeout: 120_000,
  }, async () => {
    const before = await openSockets()
    const files = { make: make(), answer: answer() }
    const controller = new AbortController()
    setMaxListeners(devices, controller.signal)
    const last = new Map<number, PingResult>()
    const codes = new Set<string | undefined>()
    const build = () => {
      lab.run('router', 'ip', '-batch', files.make)
      lab.run('internet', 'ip', '-batch', files.answer)
    }
    const tear = () => lab.run('router', 'ip', 'link', 'delete', 'group', '77')
    const all = (outcome: string) => () => numbers.filter(n => last.get(n)?.outcome === outcome).length
    build()
    const running = numbers.map(async n => {
      for await (const result of pings(`10.78.${n}.2`, {
        device: `cycle${n}`,
        interval: 40,
        timeout: 3000,
        signal: controller.signal,
      })) {
        last.set(n, result)
        if (result.outcome !== 'reply') codes.add(result.error?.code)
      }
    })
    const ends = Promise.allSettled(running)
    let [firstHeap, firstSockets] = [0, 0]
    for (let cycle = 0; cycle < cycles; cycle++) {
      await expect.poll(all('reply'), { timeout: 5000, interval: 10 }).toBe(devices)
      if (cycle === 10) [firstHeap, firstSockets] = [heapUsed(), await openSockets()]
      tear()
      await expect.poll(all('send-failed'), { timeout: 5000, interval: 10 }).toBe(devices)
      build()
    }
    await expect.poll(all('reply'), { timeout: 5000, interval: 10 }).toBe(devices)
    expect(heapUsed() - firstHeap).toBeLessThan(2e6)
    expect(await openSockets()).toBe(firstSockets)
    controller.abort()
    await ends
    tear()
    expect([...codes].filter(code => !/^E(NODEV|NETUNREACH|NETDOWN|HOSTUNREACH)$/.test(code ?? ''))).toEqual([])
    expect(codes).toContain('ENODEV')
    expect(await openSockets()).toBe(before)
  })
})
