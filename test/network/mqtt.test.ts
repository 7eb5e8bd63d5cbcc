import { writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { lab, needs } from '../lab/index.js'
import { schemaErrors } from '../unit/cli-schema.js'
import { fileOf, startMonitor } from '../unit/monitor-command.js'
import { configuration } from './monitored.js'

needs('mosquitto', 'mosquitto_pub', 'mosquitto_sub')

const patience = { timeout: 60_000, interval: 100 }
const broker = lab.server.address4
const client = 'netvia-router'
const availability = 'netvia/router/availability'
const topicOf = (component: string, id: string) => `homeassistant/${component}/${client}/${id}/config`
const entities = (...uplinks: string[]) =>
  [
    ...uplinks.flatMap(uplink => [
      topicOf('binary_sensor', uplink),
      ...['state', 'latency', 'loss'].map(value => topicOf('sensor', `${uplink}_${value}`)),
    ]),
    topicOf('sensor', 'active_uplink'),
  ].toSorted()

const mqtt = (more: string, url = `mqtt://${broker}`) => `mqtt: { url: '${url}', instance: router, ${more} }\n`
const withoutLte = configuration.slice(0, configuration.indexOf('  - name: lte'))

/** An empty payload in the output of mosquitto_sub, which depends on its version. */
const removed = /^(\(null\))?$/

/** Drops all packets to the broker at this provider. */
const cutOff = (provider: 'isp1' | 'isp2') => lab.fault(provider, `ip daddr ${broker} drop`)

type Subscriber = ReturnType<typeof lab.subscribe>
const announced = ({ latest }: Subscriber) =>
  Object.entries(latest())
    .flatMap(([topic, payload]) => (topic.startsWith('homeassistant/') && !removed.test(payload) ? [topic] : []))
    .toSorted()
const stateOf = ({ latest }: Subscriber, uplink: string) =>
  JSON.parse(latest()[`netvia/router/uplink/${uplink}`] || '{}').state

async function bothUp(subscriber: Subscriber) {
  await expect.poll(() => [stateOf(subscriber, 'fibre'), stateOf(subscriber, 'lte')], patience).toEqual(['up', 'up'])
}

test('announces a device with its entities, over TLS and with a password', async () => {
  const user = { name: 'netvia', password: 'pass word' }
  const { clients } = await lab.mosquitto({ user })
  const subscriber = lab.subscribe({ user })
  const files = `caFile: ${fileOf(lab.ca, 'ca.pem')}, passwordFile: ${fileOf(`${user.password}\n`, 'password')}`
  const more = `username: netvia, ${files}, interval: 200ms`
  const monitor = startMonitor(mqtt(more, `mqtts://${broker}`) + configuration, ['--json'])
  await bothUp(subscriber)
  await expect.poll(() => announced(subscriber), patience).toEqual(entities('fibre', 'lte'))
  await expect.poll(() => subscriber.latest()[availability], patience).toBe('online')
  expect(subscriber.latest()['netvia/router/active']).toBe('fibre')
  await expect.poll(() => clients(client), patience).toEqual([lab.wan1.address4])
  const config = JSON.parse(subscriber.latest()[topicOf('sensor', 'fibre_latency')]!)
  expect(config).toMatchObject({
    name: 'fibre latency',
    unique_id: 'netvia-router-fibre_latency',
    state_topic: 'netvia/router/uplink/fibre',
    availability_topic: availability,
    unit_of_measurement: 'ms',
    device: { identifiers: ['netvia-router'], name: 'router' },
  })
  const numbers = () => JSON.parse(subscriber.latest()['netvia/router/uplink/fibre']!)
  await expect.poll(() => numbers().latencyMs, patience).toBeGreaterThan(0)
  expect(numbers()).toMatchObject({ device: 'wan1', lossPercent: 0, forced: false })
  // A client that subscribes later, such as Home Assistant after a restart, gets the retained messages.
  const later = lab.subscribe({ user })
  await expect.poll(() => announced(later), patience).toEqual(entities('fibre', 'lte'))
  await bothUp(later)
  expect(monitor.said()).not.toContain(user.password)
  const lines = monitor
    .said()
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line))
  expect(lines.find(({ event }) => event === 'mqtt')).toMatchObject({ state: 'connected', uplink: 'fibre' })
  expect(await schemaErrors(lines)).toEqual([])
}, 120_000)

test('reports an outage over the other uplink, and returns without being reported offline', async () => {
  needs('tcpdump')
  const { clients } = await lab.mosquitto()
  const subscriber = lab.subscribe()
  const section = mqtt(`interval: 200ms, caFile: ${fileOf(lab.ca, 'ca.pem')}`, `mqtts://${broker}`)
  const monitor = startMonitor(section + configuration, ['--json'])
  await bothUp(subscriber)
  await expect.poll(() => clients(client).at(-1), patience).toBe(lab.wan1.address4)
  const heal = cutOff('isp1')
  await expect.poll(() => stateOf(subscriber, 'fibre'), patience).toBe('down')
  await expect.poll(() => subscriber.latest()['netvia/router/active'], patience).toBe('lte')
  await expect.poll(() => subscriber.latest()[availability], patience).toBe('online')
  await expect.poll(() => clients(client).at(-1), patience).toBe(lab.wan2.address4)
  const filter = 'tcp port 8883'
  const captures = await Promise.all([
    lab.capture('wan1', `${filter} and tcp[13] & 10 != 0`),
    lab.capture('wan2', `${filter} and tcp[13] & 8 != 0`),
  ])
  const before = subscriber.messages().length
  await expect.poll(() => subscriber.messages().length, patience).toBeGreaterThan(before + 5)
  const [dead, working] = await Promise.all(captures.map(capture => capture.stop()))
  expect(working!.length).toBeGreaterThan(5)
  // The kernel may retransmit what was lost.
  expect(dead!.length).toBeLessThan(5)
  const offlines = () =>
    subscriber.messages().filter(({ topic, payload }) => topic === availability && payload === 'offline')
  const known = offlines().length
  heal()
  await monitor.says(
    /"event":"mqtt","state":"connected","uplink":"lte"[\s\S]*"event":"mqtt","state":"connected","uplink":"fibre"/,
  )
  await expect.poll(() => subscriber.latest()['netvia/router/active'], patience).toBe('fibre')
  await expect.poll(() => clients(client).at(-1), patience).toBe(lab.wan1.address4)
  expect(offlines()).toHaveLength(known)
}, 120_000)

test('uses the device that the file names, and no uplink', async () => {
  needs('tcpdump')
  const { clients } = await lab.mosquitto()
  const subscriber = lab.subscribe()
  const capture = await lab.capture('wan1', 'tcp port 1883')
  startMonitor(mqtt('device: wan2') + configuration)
  await bothUp(subscriber)
  expect(subscriber.latest()['netvia/router/active']).toBe('fibre')
  await expect.poll(() => clients(client), patience).toEqual([lab.wan2.address4])
  expect(await capture.stop()).toEqual([])
}, 120_000)

test('publishes everything again to a broker that has forgotten it', async () => {
  const first = await lab.mosquitto()
  const monitor = startMonitor(mqtt('timeout: 2s') + configuration)
  await bothUp(lab.subscribe())
  await first.stop()
  await monitor.says(/mqtt: not connected: /)
  await lab.mosquitto()
  const subscriber = lab.subscribe()
  await bothUp(subscriber)
  await expect.poll(() => announced(subscriber), patience).toEqual(entities('fibre', 'lte'))
  await expect.poll(() => subscriber.latest()[availability], patience).toBe('online')
}, 120_000)

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'is offline after %s',
  async signal => {
    await lab.mosquitto()
    const subscriber = lab.subscribe()
    const monitor = startMonitor(mqtt('interval: 1s') + configuration)
    await bothUp(subscriber)
    await expect.poll(() => subscriber.latest()[availability], patience).toBe('online')
    monitor.child.kill(signal)
    await monitor.ended
    await expect.poll(() => subscriber.latest()[availability], patience).toBe('offline')
    const later = lab.subscribe()
    await expect.poll(() => later.latest()[availability], patience).toBe('offline')
    await expect.poll(() => announced(later), patience).toEqual(entities('fibre', 'lte'))
  },
  120_000,
)

test('reports a wrong password, and connects when the file has the right one', async () => {
  const user = { name: 'netvia', password: 'right' }
  await lab.mosquitto({ user })
  const file = fileOf('wrong-one\n', 'password')
  const monitor = startMonitor(mqtt(`username: netvia, passwordFile: ${file}`) + configuration)
  await monitor.says(/mqtt: not connected: Connection refused: Not authorized/)
  writeFileSync(file, 'right\n')
  await monitor.says(/mqtt: connected through fibre/)
  expect(monitor.said()).not.toContain('wrong-one')
}, 120_000)

test('refuses a broker with an untrusted certificate', async () => {
  const { clients } = await lab.mosquitto()
  const monitor = startMonitor(mqtt('timeout: 5s', `mqtts://${broker}`) + configuration)
  await monitor.says(/mqtt: not connected: .*certificate/i)
  expect(clients(client)).toEqual([])
}, 120_000)

test('sends the discovery again when Home Assistant says that it is online', async () => {
  await lab.mosquitto()
  const subscriber = lab.subscribe()
  startMonitor(mqtt('interval: 1h') + configuration)
  await bothUp(subscriber)
  const topic = topicOf('sensor', 'active_uplink')
  const times = () => subscriber.messages().filter(message => message.topic === topic).length
  await expect.poll(() => subscriber.latest()[availability], patience).toBe('online')
  const before = times()
  lab.run('internet', 'mosquitto_pub', '-h', broker, '-t', 'homeassistant/status', '-m', 'online')
  await expect.poll(times, patience).toBeGreaterThan(before)
}, 120_000)

test('removes the entities of a removed uplink, and all of them without the section', async () => {
  await lab.mosquitto()
  const subscriber = lab.subscribe()
  const section = mqtt('interval: 1s')
  const monitor = startMonitor(section + configuration)
  await bothUp(subscriber)
  const reload = (text: string) => {
    writeFileSync(monitor.file, text)
    monitor.child.kill('SIGHUP')
  }
  reload(section + withoutLte)
  await expect.poll(() => announced(subscriber), patience).toEqual(entities('fibre'))
  await expect.poll(() => subscriber.latest()['netvia/router/uplink/lte'], patience).toMatch(removed)
  reload(withoutLte)
  await expect.poll(() => announced(subscriber), patience).toEqual([])
}, 120_000)

test('removes what an earlier run announced, and nothing else', async () => {
  await lab.mosquitto()
  const subscriber = lab.subscribe()
  const first = startMonitor(mqtt('interval: 1s') + configuration)
  await bothUp(subscriber)
  first.child.kill('SIGKILL')
  await first.ended
  const foreign = ['homeassistant/sensor/netvia-other/active_uplink/config', 'netvia/other/active']
  for (const topic of foreign) lab.run('internet', 'mosquitto_pub', '-h', broker, '-r', '-t', topic, '-m', '{}')
  startMonitor(mqtt('interval: 1s') + withoutLte)
  await expect.poll(() => announced(subscriber), patience).toEqual([...entities('fibre'), foreign[0]].toSorted())
  await expect.poll(() => subscriber.latest()['netvia/router/uplink/lte'], patience).toMatch(removed)
  expect(subscriber.latest()['netvia/other/active']).toBe('{}')
}, 120_000)
