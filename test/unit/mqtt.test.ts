import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { hostname } from 'node:os'
import * as mqtt from 'mqtt'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readConfig } from '../../src/cli/monitor/config.js'
import { connectBroker } from '../../src/cli/monitor/mqtt/broker.js'
import { discoveryMessages, isOwnDiscovery, stateMessages, stateTopicIn } from '../../src/cli/monitor/mqtt/messages.js'
import { MqttPublisher, type MqttReport } from '../../src/cli/monitor/mqtt/mqtt-publisher.js'
import { type MqttOptions, mqttSettings } from '../../src/cli/monitor/mqtt/options.js'
import { Packets } from '../../src/cli/monitor/mqtt/packet-limit.js'
import { Retained } from '../../src/cli/monitor/mqtt/retained.js'
import { UplinkMonitor } from '../../src/index.js'
import type { UplinkSnapshot } from '../../src/monitor/record/event-types.js'
import { fileOf, startMonitor } from './monitor-command.js'

const uplinks = 'uplinks: [{ name: a, checks: [{ type: ping, host: 192.0.2.1 }] }]'

describe('the options', () => {
  test('may be just a URL, and have times with a unit', () => {
    expect(readConfig(fileOf(`mqtt: mqtt://b.example\n${uplinks}\n`)).mqtt).toEqual({ url: 'mqtt://b.example' })
    const text = `mqtt: { url: 'mqtts://b.example', interval: 5m, timeout: 3s }\n${uplinks}\n`
    expect(readConfig(fileOf(text)).mqtt).toMatchObject({ interval: 300_000, timeout: 3000 })
  })

  test.each([
    ['mqtt://b.example', { host: 'b.example', port: 1883, secure: false }],
    ['mqtts://b.example/', { host: 'b.example', port: 8883, secure: true }],
    ['mqtts://[2001:db8::1]:9000', { host: '2001:db8::1', port: 9000, secure: true }],
  ])('take the broker from %s', (url, expected) => {
    expect(mqttSettings({ url })).toMatchObject(expected)
  })

  test('have defaults, and an instance derived from the host name', () => {
    const { instance, ...rest } = mqttSettings({ url: 'mqtt://b.example' })
    expect(instance).toMatch(/^[\w-]+$/)
    expect(instance).toHaveLength(hostname().length)
    expect(rest).toMatchObject({ topic: 'netvia', discoveryPrefix: 'homeassistant', interval: 30_000, timeout: 10_000 })
  })

  test('are refused with line and column, without showing secrets', () => {
    const run = () => readConfig(fileOf(`mqtt:\n  url: mqtt://user:secret@b.example\n  intervall: 3\n${uplinks}\n`))
    expect(run).toThrow(/:2:3: mqtt: url must be a URL without user and password/)
    expect(run).toThrow(/:3:3: mqtt: unknown option "intervall"/)
    expect(run).not.toThrow(/secret/)
  })

  test.each<[Partial<MqttOptions>, RegExp]>([
    [{ url: 'https://b.example' }, /url must be an mqtt or mqtts URL/],
    [{ url: 'mqtt://b.example/topic' }, /url must be a URL of a host and a port alone/],
    [{ url: 'mqtt://localhost' }, /url must be of another machine; with device: lo it may be this one/],
    [{ url: 'mqtt://[::1]' }, /url must be of another machine/],
    [{ passwordFile: 'x' }, /passwordFile must be left out without username/],
    [{ caFile: 'x' }, /caFile must be left out with an mqtt URL/],
    [{ instance: 'a b' }, /instance must be of letters/],
    [{ topic: 'a/#' }, /topic must be a topic/],
    [{ topic: '/a' }, /topic must be a topic/],
    [{ discoveryPrefix: 'a/' }, /discoveryPrefix must be a topic/],
  ])('refuse %j', (options, expected) => {
    expect(() => mqttSettings({ url: 'mqtt://b.example', ...options })).toThrow(expected)
  })

  test('take a broker on this machine with the device lo', () => {
    expect(mqttSettings({ url: 'mqtt://localhost', device: 'lo' })).toMatchObject({ host: 'localhost', device: 'lo' })
  })
})

const settings = mqttSettings({ url: 'mqtt://b.example', instance: 'router', topic: 'home/netvia' })
const snapshot = (facts: Partial<UplinkSnapshot>) =>
  ({ name: 'a', device: 'wan1', state: 'up', since: 0, reason: '', forced: null, ...facts }) as UplinkSnapshot

describe('the messages', () => {
  test('have each entity once, and topics without characters that MQTT and Home Assistant refuse', () => {
    const names = ['a', 'a_state', 'LTE 1', 'LTE_1', 'LTE/1', '#+$', 'é']
    const messages = discoveryMessages(
      settings,
      '1.0.0',
      names.map(name => snapshot({ name })),
    )
    expect(messages.size).toBe(4 * names.length + 1)
    const payloads = [...messages.values()].map(text => JSON.parse(text))
    expect(
      new Set([...messages.keys()].map((topic, index) => topic.split('/')[1] + payloads[index].unique_id)).size,
    ).toBe(messages.size)
    for (const topic of messages.keys()) expect(topic).toMatch(/^homeassistant\/\w+\/netvia-router\/[\w-]+\/config$/)
    const states = stateMessages(
      settings,
      names.map(name => snapshot({ name })),
      null,
    )
    expect(states.size).toBe(names.length + 1)
    for (const { state_topic } of payloads) expect(states.has(state_topic)).toBe(true)
    expect(payloads.at(-1)).toMatchObject({ name: 'Active uplink', options: [...names, 'none'] })
  })

  test('have numbers with two decimals, null without an answer, and none without an uplink', () => {
    const messages = stateMessages(
      settings,
      [snapshot({ latencyMs: 12.3456, lossRatio: 1 / 3 }), snapshot({ name: 'b', latencyMs: null, lossRatio: null })],
      null,
    )
    const of = (name: string) => JSON.parse(messages.get(`home/netvia/router/${name}`)!)
    expect(of('uplink/a')).toMatchObject({ latencyMs: 12.35, lossPercent: 33.33, since: '1970-01-01T00:00:00.000Z' })
    expect(of('uplink/b')).toMatchObject({ latencyMs: null, lossPercent: null })
    expect(messages.get('home/netvia/router/active')).toBe('none')
  })

  test('from an earlier run refer only to topics of this instance', () => {
    const payload = (topic: unknown) => JSON.stringify({ state_topic: topic })
    expect(stateTopicIn(payload('home/netvia/router/uplink/b'), settings)).toBe('home/netvia/router/uplink/b')
    for (const other of [payload('home/netvia/router2/active'), payload(3), 'null', '{']) {
      expect(stateTopicIn(other, settings)).toBeUndefined()
    }
  })
})

/** A connection whose acknowledgements the test triggers. */
function connection() {
  const sent: { topic: string; payload: string; acknowledge: () => void }[] = []
  const client = {
    connected: true,
    publish: (topic: string, payload: string, _options: object, done: (error?: Error) => void) =>
      sent.push({ topic, payload, acknowledge: () => done() }),
  } as unknown as mqtt.MqttClient
  return { client, sent, said: () => sent.map(({ topic, payload }) => `${topic}=${payload}`) }
}

describe('the retained messages', () => {
  test('are queued only once per topic, and no topic is sent twice at the same time', () => {
    const { client, sent, said } = connection()
    const retained = new Retained()
    for (let value = 0; value < 1000; value++) retained.put(new Map([['a', String(value)]]))
    retained.connected(client)
    for (let value = 1000; value < 2000; value++) retained.put(new Map([['a', String(value)]]))
    expect(said()).toEqual(['a=999'])
    sent[0]!.acknowledge()
    expect(said()).toEqual(['a=999', 'a=1999'])
    sent[1]!.acknowledge()
    retained.put(new Map([['a', '1999']]))
    expect(sent).toHaveLength(2)
    retained.repeat(['a'])
    expect(said().at(-1)).toBe('a=1999')
  })

  test('are sent again on the next connection, removals included', async () => {
    const first = connection()
    const retained = new Retained()
    retained.put(
      new Map([
        ['a', '1'],
        ['b', '1'],
      ]),
    )
    retained.connected(first.client)
    for (const { acknowledge } of first.sent) acknowledge()
    const settled = retained.settled()
    retained.disconnected()
    await settled
    retained.replace(new Map([['a', '1']]))
    const second = connection()
    retained.connected(second.client)
    expect(second.said()).toEqual(['a=1', 'b='])
    expect(retained.has('b')).toBe(true)
    for (const { acknowledge } of second.sent) acknowledge()
    expect(retained.has('b')).toBe(false)
    await retained.settled()
    // Acknowledgements from the dead connection don't count.
    first.sent[0]!.acknowledge()
    expect(second.sent).toHaveLength(2)
  })

  test('wait for the next connection if the client has ended', async () => {
    const { client } = connection()
    const retained = new Retained()
    retained.connected(client)
    Object.assign(client, {
      connected: false,
      publish() {
        throw new TypeError('it has ended')
      },
    })
    retained.put(new Map([['a', '1']]))
    await retained.settled()
    const next = connection()
    retained.connected(next.client)
    expect(next.said()).toEqual(['a=1'])
  })
})

describe('a hostile broker', () => {
  const connected = Buffer.of(0x20, 2, 0, 0)

  /** The error that ends a connection to a broker that accepts it and then sends this. */
  async function endOf(...sent: Buffer[]) {
    const server = createServer(socket => {
      socket.on('error', () => {}).once('data', () => socket.write(Buffer.concat([connected, ...sent])))
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const dial = async () => {
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      return socket
    }
    const connecting = connectBroker(mqtt, dial, settings, new AbortController().signal)
    return connecting.then(
      ({ client, end }) => {
        onTestFinished(() => void client.end(true))
        return end
      },
      (error: Error) => error.message,
    )
  }

  test('that says nothing is reported as such, and not as slow with TLS, also by a busy event loop', async () => {
    const server = createServer(socket => socket.resume()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const settings = mqttSettings({ url: `mqtt://127.0.0.1:${port}`, device: 'lo', timeout: 200 })
    const dial = async () => connect(port, '127.0.0.1').on('close', () => server.close())
    setTimeout(() => {
      for (const begun = performance.now(); performance.now() - begun < 300; );
    }, 50)
    await expect(connectBroker(mqtt, dial, settings, new AbortController().signal)).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      hint: 'MQTT handshake took longer than 200 ms',
    })
  })

  test.each<[string, Buffer, RegExp]>([
    ['announces a packet of 256 MB', Buffer.of(0x30, 0xff, 0xff, 0xff, 0x7f), /a packet of more than 65536 bytes/],
    [
      'sends an endless length',
      Buffer.of(0x30, 0x80, 0x80, 0x80, 0x80, 0x80),
      /more than 65536 bytes|Invalid variable/,
    ],
    [
      'sends data that the client must store',
      Buffer.of(0x34, 6, 0, 1, 0x61, 0, 1, 0),
      /a quality that was not asked for/,
    ],
    ['releases a message that it never sent', Buffer.of(0x62, 0), /a packet that nothing asked for/],
    ['asks for messages as a client does', Buffer.of(0x82, 6, 0, 1, 0, 1, 0x61, 0), /a packet that nothing asked for/],
    ['receives a message that is only acknowledged', Buffer.of(0x50, 2, 0, 1), /a packet that nothing asked for/],
    ['sends packets without end', Buffer.alloc(60_000, Buffer.of(0xd0, 0)), /more than 20000 packets/],
    ['speaks another protocol', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), /./],
  ])('that %s is disconnected', { timeout: 20_000 }, async (_what, sent, why) => {
    expect(await endOf(sent)).toMatch(why)
  })

  test('that ends an accepted connection without a word is reported with the usual causes', async () => {
    const server = createServer(socket => {
      socket
        .on('error', () => {})
        .once('data', () => socket.write(connected, () => setTimeout(() => socket.end(), 100)))
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const dial = async () => connect(port, '127.0.0.1')
    const { end } = await connectBroker(mqtt, dial, { ...settings, instance: 'attic' }, new AbortController().signal)
    expect(await end).toMatch(/another monitor has the instance attic too, or if it forbids a topic/)
  })

  test('that ends a connection as soon as it accepts it is asked again', async () => {
    let connections = 0
    const server = createServer(socket => {
      connections++
      // A second acceptance is an error, which ends the connection (section 3.2).
      socket.on('error', () => {}).once('data', () => socket.write(Buffer.concat([connected, connected])))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const check = { type: 'tcp', host: '127.0.0.1', port } as const
    const monitor = new UplinkMonitor({ uplinks: [{ name: 'a', device: 'lo', checks: [check] }] })
    const url = `mqtt://127.0.0.1:${port}`
    const reports: MqttReport[] = []
    const publisher = new MqttPublisher(monitor, mqttSettings({ url, device: 'lo', interval: 1000 }), '1.0.0', report =>
      reports.push(report),
    )
    onTestFinished(async () => {
      server.close()
      await publisher.close({ forget: false })
    })
    // It publishes each second, also between two connections.
    await expect.poll(() => connections).toBe(3)
    expect(reports.map(({ state }) => state)).not.toContain('connected')
    expect(reports[0]!.why).toMatch(/duplicate CONNACK/)
  }, 70_000)

  test('that sends what the client cannot read, later than the acceptance, is disconnected immediately', async () => {
    const server = createServer(socket => {
      socket
        .on('error', () => {})
        .once('data', () => {
          socket.write(connected)
          // An acknowledgement of a subscription with a quality that there is not, once the client has subscribed.
          socket.on('data', () => socket.write(Buffer.of(0x90, 3, 0, 1, 3)))
        })
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const dial = async () => connect(port, '127.0.0.1')
    const { client, end } = await connectBroker(mqtt, dial, settings, new AbortController().signal)
    client.subscribe('a', () => {})
    const began = performance.now()
    expect(await end).toMatch(/Invalid suback/)
    // Without the disconnection, the client's keepalive of 30 s ends the connection.
    expect(performance.now() - began).toBeLessThan(20_000)
  }, 70_000)

  test('may send packets of any length up to the limit, in any pieces', () => {
    const packet = (length: number) =>
      Buffer.concat([Buffer.of(0x30, (length & 0x7f) | 0x80, length >> 7), Buffer.alloc(length, 0xff)])
    const bytes = Buffer.concat([connected, packet(5000), Buffer.of(0xd0, 0), packet(300)])
    for (const size of [1, 2, 3, 1000, bytes.length]) {
      const packets = new Packets()
      const faults = []
      for (let at = 0; at < bytes.length; at += size) faults.push(packets.faultIn(bytes.subarray(at, at + size)))
      expect(faults.filter(fault => fault !== undefined)).toEqual([])
      expect(packets.faultIn(Buffer.of(0x30, 0x81, 0x80, 0x04))).toMatch(/more than 65536/)
    }
  })

  test('can only remove what a run of this instance may have announced', () => {
    for (const topic of ['homeassistant/sensor/netvia-router/a/config', 'homeassistant/x/netvia-router/b_c/config'])
      expect(isOwnDiscovery(topic, settings)).toBe(true)
    for (const topic of [
      'homeassistant/sensor/netvia-other/a/config',
      'homeassistant/sensor/netvia-router/a/state',
      'homeassistant/sensor/netvia-router/a/config/x',
      'homeassistant/netvia-router/a/config',
      'other/sensor/netvia-router/a/config',
      'home/netvia/router/active',
    ])
      expect(isOwnDiscovery(topic, settings)).toBe(false)
  })
})

test('netvia monitor names the package to install if it is missing', async () => {
  // Makes Node's module resolution fail as if the package weren't installed.
  const without = fileOf(
    `const Module = require('node:module')
const resolve = Module._resolveFilename
Module._resolveFilename = function (name, ...rest) {
  if (name === 'mqtt') throw Object.assign(new Error('Cannot find module'), { code: 'MODULE_NOT_FOUND' })
  return resolve.call(this, name, ...rest)
}
`,
    'without.cjs',
  )
  const args = ['--json', '--mqtt', 'mqtt://192.0.2.1']
  const lo = 'uplinks: [{ name: a, device: lo, checks: [{ type: tcp, host: 127.0.0.1, port: 9 }] }]\n'
  const monitor = startMonitor(lo, args, { NODE_OPTIONS: `--require ${without}` })
  const { code } = await monitor.ended
  expect(code).toBe(4)
  expect(monitor.said()).toContain('"code":"ERR_MQTT_NOT_FOUND"')
  expect(monitor.said()).toMatch(/mqtt needs the package mqtt, and it can't be loaded; .*npm install mqtt@5/)
})
