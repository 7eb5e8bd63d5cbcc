import { setTimeout as wait } from 'node:timers/promises'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { ping } from '../../src/index.js'
import { encodeAddress } from '../../src/sockets/address.js'
import { openDescriptor } from '../../src/sockets/open.js'
import { SendBatch } from '../../src/sockets/send-batch.js'
import { device, deviceAddress, devices } from '../../src/system/devices/devices.js'
import { neighbours } from '../../src/system/devices/neighbours.js'
import { type DeviceEvent, watchDevices } from '../../src/system/devices/watch.js'
import { onDeviceChange } from '../../src/system/netlink/changes.js'
import { RunningReader } from '../../src/system/netlink/running-devices.js'
import { neighbour } from '../../src/system/netlink/tables.js'
import { lab } from '../lab/index.js'
import { openSockets } from '../unit/open-sockets.js'

const ip = (...args: string[]) => lab.run('router', 'ip', ...args)
const batch = (lines: string[]) => lab.run('router', 'sh', '-c', `printf '%s\\n' "$@" | ip -batch -`, 'sh', ...lines)

/** Waits for up to two seconds until an event fits. Returns it with the time that it took. */
async function until(watch: AsyncIterable<DeviceEvent>, fits: (event: DeviceEvent) => boolean) {
  const start = performance.now()
  const seen: DeviceEvent[] = []
  const late = setTimeout(() => {
    throw new Error(`no such event within 2 s; there were: ${JSON.stringify(seen)}`)
  }, 2000)
  try {
    for await (const event of { [Symbol.asyncIterator]: () => keepOpen(watch) }) {
      seen.push(event)
      if (fits(event)) return { event, seen, ms: performance.now() - start }
    }
    throw new Error('the watch ended')
  } finally {
    clearTimeout(late)
  }
}

/** Wraps the watch in an iterator without `return`, so that leaving `for await` doesn't end it. */
function keepOpen(watch: AsyncIterable<DeviceEvent>): AsyncIterator<DeviceEvent> {
  return { next: () => watch[Symbol.asyncIterator]().next() }
}

/** Adds a veth pair whose other end is already up. It replaces a dummy device, which not every kernel has. */
function addCable(name: string): void {
  batch([cable(name), `link set ${name}x up`])
}

function cable(name: string): string {
  return `link add ${name} type veth peer name ${name}x`
}

describe('devices in the laboratory', () => {
  it('lists both uplinks with addresses, gateways and counters', async () => {
    const all = await devices()
    for (const uplink of [lab.wan1, lab.wan2]) {
      const found = all.find(({ name }) => name === uplink.device)!
      expect(found).toMatchObject({ kind: 'veth', up: true, running: true, mtu: 1500 })
      expect(found).toMatchObject({ gateway4: uplink.gateway4, gateway6: uplink.gateway6, master: undefined })
      expect(found.mac).toMatch(/^02:00:00:00:0\d:01$/)
      expect(found.index).toBe(addon().deviceIndex(uplink.device))
      expect(found.addresses).toContainEqual(
        expect.objectContaining({ address: uplink.address4, family: 4, prefixLength: 24, scope: 'global' }),
      )
      expect(found.addresses).toContainEqual(expect.objectContaining({ address: uplink.address6, family: 6 }))
      expect(await deviceAddress(uplink.device)).toBe(uplink.address4)
      expect(await deviceAddress(uplink.device, 6)).toBe(uplink.address6)
    }
  })

  it('counts the packets of wan2', async () => {
    const before = (await device('wan2')).counters.txPackets
    const fd = openDescriptor(4, 'datagram', 0, { device: 'wan2' })
    const packets = new SendBatch()
    for (let i = 0; i < 10; i++) packets.add(Buffer.from('x'), encodeAddress(lab.server.address4, 9))
    packets.send(fd)
    addon().close(fd)
    const sent = lab.counters('wan2').txPackets
    const { counters } = await device('wan2')
    expect(sent).toBeGreaterThanOrEqual(before + 10)
    expect(counters.txPackets).toBeGreaterThanOrEqual(sent)
    expect(counters.txPackets).toBeLessThanOrEqual(lab.counters('wan2').txPackets)
  })

  it('reports why a device has no usable address', async () => {
    addCable('bare0')
    await expect(deviceAddress('bare0')).rejects.toMatchObject({
      ...{ code: 'EADDRNOTAVAIL', device: 'bare0', hint: expect.stringContaining('no address at all') },
    })
    ip('link', 'delete', 'bare0')
  })

  it('finds kinds, masters, peers, and gateways of multipath routes and nexthop objects', async () => {
    batch([
      'link add br7 type bridge',
      cable('p7'),
      'link set p7 master br7',
      cable('nh7'),
      'link set nh7 up',
      'link set nh7x up',
      'address add 10.66.0.1 peer 10.66.0.2/32 dev nh7',
      cable('nh8'),
      'link set nh8 up',
      'link set nh8x up',
      'address add 10.67.0.1/24 dev nh8',
      'nexthop add id 71 via 10.66.0.2 dev nh7',
      'nexthop add id 72 via 10.67.0.2 dev nh8',
      'nexthop add id 73 group 71/72',
      'route add default nhid 73 metric 700',
    ])
    const read = async () => new Map((await devices()).map(item => [item.name, item]))
    try {
      const byName = await read()
      expect(byName.get('br7')!.kind).toBe('bridge')
      expect(byName.get('p7')).toMatchObject({ kind: 'veth', master: 'br7', up: false, running: false })
      expect(byName.get('nh7')!.addresses[0]).toMatchObject({ address: '10.66.0.1', peer: '10.66.0.2' })
      expect([byName.get('nh7')!.gateway4, byName.get('nh8')!.gateway4]).toEqual(['10.66.0.2', '10.67.0.2'])
      lab.run('router', 'sh', '-c', 'echo 0 > /proc/sys/net/ipv4/nexthop_compat_mode')
      const bare = await read()
      expect([bare.get('nh7')!.gateway4, bare.get('nh8')!.gateway4]).toEqual(['10.66.0.2', '10.67.0.2'])
      ip('route', 'delete', 'default', 'metric', '700')
      ip(
        ...['route', 'add', 'default', 'metric', '701'],
        ...['nexthop', 'via', '10.66.0.2', 'dev', 'nh7', 'nexthop', 'via', '10.67.0.2', 'dev', 'nh8'],
      )
      const multipath = await read()
      expect([multipath.get('nh7')!.gateway4, multipath.get('nh8')!.gateway4]).toEqual(['10.66.0.2', '10.67.0.2'])
    } finally {
      lab.run('router', 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/nexthop_compat_mode')
      for (const name of ['br7', 'p7', 'nh7', 'nh8']) ip('link', 'delete', name)
    }
  })
})

describe('watchDevices', () => {
  it('reports at once that a device was created, renamed, switched on, gained and lost an address, and was deleted', async () => {
    await using watch = watchDevices()
    const link = (change: string, name: string) => (event: DeviceEvent) =>
      event.type === 'link' && event.change === change && event.device === name
    const times: number[] = []
    const step = async (action: () => void, fits: (event: DeviceEvent) => boolean) => {
      action()
      const { event, ms } = await until(watch, fits)
      times.push(ms)
      return event
    }
    const added = await step(() => addCable('w1'), link('added', 'w1'))
    expect(added).toMatchObject({ link: { kind: 'veth', up: false } })
    const renamed = await step(() => ip('link', 'set', 'w1', 'name', 'w2'), link('changed', 'w2'))
    expect(renamed).toMatchObject({ previous: { name: 'w1' } })
    const up = await step(
      () => ip('link', 'set', 'w2', 'up'),
      event => event.type === 'link' && event.link.running,
    )
    expect(up).toMatchObject({ device: 'w2', link: { up: true } })
    const address = (change: string) => (event: DeviceEvent) =>
      event.type === 'address' && event.change === change && event.address.address === '10.88.0.1'
    const given = await step(() => ip('address', 'add', '10.88.0.1/24', 'dev', 'w2'), address('added'))
    expect(given).toMatchObject({ device: 'w2', address: { prefixLength: 24, scope: 'global' } })
    const route = (change: string) => (event: DeviceEvent) =>
      event.type === 'route' && event.change === change && event.route.destination === '10.89.0.0/16'
    const routed = await step(() => ip('route', 'add', '10.89.0.0/16', 'via', '10.88.0.2'), route('added'))
    expect(routed).toMatchObject({ device: 'w2', route: { hops: [{ gateway: '10.88.0.2' }] } })
    await step(() => ip('route', 'delete', '10.89.0.0/16'), route('removed'))
    await step(() => ip('address', 'delete', '10.88.0.1/24', 'dev', 'w2'), address('removed'))
    await step(() => ip('link', 'delete', 'w2'), link('removed', 'w2'))
    // A loop that polls would need longer on average. On a busy machine, single events may wait.
    expect(times.toSorted((a, b) => a - b)[4]).toBeLessThan(100)
  })

  it('shows a pulled cable in `running`, and a device created again by its index', async () => {
    await using watch = watchDevices()
    const added = lab.addDevice('third0', 'isp1')
    lab.run('isp1', 'ip', 'link', 'set', 'third0', 'down')
    const pulled = await until(watch, event => event.type === 'link' && event.link.up && !event.link.running)
    expect(pulled.event).toMatchObject({ device: 'third0' })
    added.remove()
    const gone = await until(watch, event => event.type === 'link' && event.change === 'removed')
    const again = lab.addDevice('third0', 'isp1')
    const back = await until(watch, event => event.type === 'link' && event.change === 'added')
    again.remove()
    expect((gone.event as { index: number }).index).not.toBe((back.event as { index: number }).index)
  })

  it('does not report a port that leaves its bridge as a deleted device', async () => {
    await using watch = watchDevices()
    batch(['link add br8 type bridge', cable('p8'), 'link set p8 master br8', 'link set p8 nomaster'])
    ip('link', 'delete', 'br8')
    const { seen } = await until(watch, event => event.type === 'link' && event.change === 'removed')
    expect(seen.filter(event => event.type === 'link' && event.device === 'p8' && event.change === 'removed')).toEqual(
      [],
    )
    ip('link', 'delete', 'p8')
  })

  it('reports an overrun of its socket with the new list, and continues', async () => {
    await using watch = watchDevices()
    addCable('storm0')
    ip('link', 'set', 'storm0', 'up')
    await until(watch, event => event.type === 'link' && event.device === 'storm0' && event.link.up)
    let overruns = 0
    const unsubscribe = onDeviceChange(({ type }) => {
      if (type === 'overrun') overruns++
    })
    // Far more messages than the socket can hold while execFileSync blocks the event loop.
    const routes = Array.from({ length: 6000 }, (_, i) => `10.90.${i >> 8}.${i & 255}/32 dev storm0`)
    batch(routes.map(route => `route add ${route}`))
    ip('link', 'set', 'storm0', 'name', 'storm1')
    const { event } = await until(watch, ({ type }) => type === 'resync')
    expect(event.type === 'resync' && event.devices.map(({ name }) => name)).toContain('storm1')
    expect(overruns).toBe(1)
    unsubscribe()
    ip('link', 'delete', 'storm1')
    await until(watch, event => event.type === 'link' && event.change === 'removed' && event.device === 'storm1')
  }, 60_000)

  it('keeps no more than 1,024 events for a slow consumer', async () => {
    await using watch = watchDevices()
    addCable('slow7')
    for (let i = 0; i < 30; i++) {
      batch(Array.from({ length: 50 }, (_, n) => `link set slow7 mtu ${1000 + ((i + n) % 400)}`))
      await wait(1)
    }
    const { seen } = await until(watch, ({ type }) => type === 'resync')
    expect(seen.length).toBe(1)
    ip('link', 'delete', 'slow7')
  })
})

describe('an alternative name of a device', () => {
  it('is refused, and the hint has the name that the kernel reports', async () => {
    ip('link', 'property', 'add', 'dev', 'wan2', 'altname', 'uplink-two')
    onTestFinished(() => void ip('link', 'property', 'del', 'dev', 'wan2', 'altname', 'uplink-two'))
    const error = { code: 'ENODEV', hint: expect.stringMatching(/write wan2$/) }
    await expect(ping('203.0.113.1', { device: 'uplink-two' })).rejects.toMatchObject(error)
    await expect(device('uplink-two')).rejects.toMatchObject(error)
  })
})

describe('neighbour', () => {
  beforeAll(() => addNeighbours())
  function addNeighbours() {
    batch([
      'neighbour replace 192.0.2.77 dev wan1 lladdr 02:00:00:00:00:77 nud permanent',
      'neighbour replace 2001:db8:1::77 dev wan1 lladdr 02:00:00:00:00:77 nud stale',
    ])
  }

  it('returns the entries of ARP and neighbour discovery', async () => {
    const { index } = await device('wan1')
    expect(neighbour('192.0.2.77', index)?.state).toBe('permanent')
    expect(neighbour('2001:db8:1::77', index)?.state).toBe('stale')
    expect(neighbour('192.0.2.78', index)?.state).toBe(undefined)
    expect(neighbour('192.0.2.77', (await device('wan2')).index)?.state).toBe(undefined)
  })

  it('are listed, all of them or those of a device, as ip(8) lists them', async () => {
    await ping('192.0.2.99', { device: 'wan1', timeout: 50 })
    const all = await neighbours()
    const common = { device: 'wan1', mac: '02:00:00:00:00:77', router: false }
    expect(all).toContainEqual(
      expect.objectContaining({ ...common, address: '192.0.2.77', family: 4, state: 'permanent' }),
    )
    expect(all).toContainEqual(
      expect.objectContaining({ ...common, address: '2001:db8:1::77', family: 6, state: 'stale' }),
    )
    const silent = all.find(({ address }) => address === '192.0.2.99')!
    expect(silent.mac).toBe(undefined)
    expect(silent.state).toMatch(/^(incomplete|failed)$/)
    const keys = (await neighbours()).map(({ address, device: on }) => `${address} ${on}`)
    const listed = JSON.parse(ip('-json', 'neighbour', 'show')) as { dst: string; dev: string }[]
    expect(keys.sort()).toEqual(listed.map(({ dst, dev }) => `${dst} ${dev}`).sort())

    const here = await neighbours({ device: 'wan1' })
    expect(new Set(here.map(one => one.device))).toEqual(new Set(['wan1']))
    expect((await neighbours({ device: 'wan2' })).some(({ address }) => address === '192.0.2.77')).toBe(false)
    await expect(neighbours({ device: 'wan9' })).rejects.toMatchObject({ code: 'ENODEV', device: 'wan9' })
    await expect(neighbours({ signal: AbortSignal.abort('enough') })).rejects.toBe('enough')
  })
})

describe('frequent queries for running devices', () => {
  const names = Array.from({ length: 80 }, (_, i) => `carrier${i}`)
  const plugged = (i: number) => i % 3 === 0
  const gone = [1, 79]

  it('cover more devices than fit into one request, immediately after a change, without deleted ones', async () => {
    batch(
      names.flatMap((name, i) => [
        cable(name),
        `link set ${name} up`,
        `link set ${name}x ${plugged(i) ? 'up' : 'down'}`,
      ]),
    )
    const before = await openSockets()
    const indexes = names.map(name => addon().deviceIndex(name))
    const reader = new RunningReader(indexes)
    try {
      const expected = new Map(indexes.map((index, i) => [index, plugged(i)]))
      const isRead = () => expect.poll(() => reader.read(), { timeout: 5000 }).toEqual(expected)
      await isRead()
      ip('link', 'set', 'carrier0x', 'down')
      expect(reader.read().get(indexes[0]!)).toBe(false)
      for (const i of [40, 70]) ip('link', 'set', `carrier${i}x`, 'up')
      for (const i of [0, 40, 70]) expected.set(indexes[i]!, !plugged(i))
      await isRead()
      for (const i of gone) {
        ip('link', 'delete', names[i]!)
        expected.delete(indexes[i]!)
      }
      await isRead()
    } finally {
      reader.close()
      batch(names.filter((_, i) => !gone.includes(i)).map(name => `link delete ${name}`))
    }
    expect(await openSockets()).toBe(before)
  })
})
