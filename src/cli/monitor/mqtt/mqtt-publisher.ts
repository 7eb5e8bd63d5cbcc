import type * as Mqtt from 'mqtt'
import { UplinkGroup } from '../../../group/group.js'
import type { UplinkMonitor } from '../../../monitor/monitor.js'
import type { StateEvent } from '../../../monitor/record/event-types.js'
import { monotonicNow } from '../../../monotonic.js'
import { connect } from '../../../protocols/tcp/connect.js'
import { RetryPause } from '../retry-pause.js'
import { inUse } from '../web/page-snapshot.js'
import { connectBroker, ended, readSecrets } from './broker.js'
import {
  availabilityTopic,
  discoveryMessages,
  isOwnDiscovery,
  ownDiscovery,
  stateMessages,
  stateTopicIn,
} from './messages.js'
import type { MqttSettings } from './options.js'
import { mqttPackage } from './package.js'
import { Retained } from './retained.js'

/** Milliseconds for the last messages, at the end, and before a connection moves to another uplink. */
const patience = 5000
/** A connection that lasted longer than this, in ms, doesn't count as a failed attempt. */
const lasting = 30_000

/** Topics of earlier runs that are removed at a time: nothing says how many a broker makes up. */
const maxLeftOver = 1000

/** The state of the connection to the broker. */
export interface MqttReport {
  /** 'failing': it can't be made now, or has ended. 'refused': the broker refuses a subscription. */
  state: 'connected' | 'failing' | 'refused'
  /** The uplink that the connection uses; null: none, or a device of its own. */
  uplink: string | null
  /** Why, in words; empty when connected. */
  why: string
  at: number
}

/** Shows the states of a monitor in Home Assistant, by retained messages of a broker. */
export class MqttPublisher {
  readonly #mqtt: typeof Mqtt
  readonly #monitor: UplinkMonitor
  readonly #settings: MqttSettings
  readonly #version: string
  readonly #report: (report: MqttReport) => void
  readonly #group: UplinkGroup
  readonly #retained = new Retained()
  readonly #timer: NodeJS.Timeout
  readonly #end = new AbortController()
  readonly #work: Promise<void>
  #connection: { client: Mqtt.MqttClient; uplink: string | null } | undefined
  readonly #pause = new RetryPause()
  #discoveryTopics: readonly string[] = []
  /** Topics that this monitor has announced. */
  #announced = 0
  #isMoving = false
  #reported = ''

  /** @throws NetviaError `ERR_MQTT_NOT_FOUND`; the error of a file that can't be read. */
  constructor(monitor: UplinkMonitor, settings: MqttSettings, version: string, report: (report: MqttReport) => void) {
    this.#mqtt = mqttPackage()
    readSecrets(settings)
    this.#monitor = monitor
    this.#settings = settings
    this.#version = version
    this.#report = report
    this.#group = new UplinkGroup(monitor, { policy: 'failover', whenAllDown: 'least-bad', cutConnections: true })
    this.#announce()
    monitor.on('state', this.#onState).on('configure', this.#announce)
    this.#timer = setInterval(() => this.#retained.put(this.#states()), settings.interval)
    this.#work = this.#stayConnected()
  }

  /** Publishes at the end that the router is offline. With `forget`, Home Assistant forgets the router instead. */
  async close({ forget }: { forget: boolean }): Promise<void> {
    this.#monitor.off('state', this.#onState).off('configure', this.#announce)
    clearInterval(this.#timer)
    if (forget) this.#retained.replace(new Map())
    else this.#retained.put(new Map([[availabilityTopic(this.#settings), 'offline']]))
    this.#end.abort(new Error('netvia ends'))
    this.#pause.end()
    const client = this.#connection?.client
    // A moving connection has disconnected properly, or will before the last messages. Otherwise the broker publishes the will.
    if (this.#isMoving) client?.stream.destroy()
    else if (client) await this.#hangUp(client)
    await this.#work
    await this.#group.close()
  }

  async #stayConnected(): Promise<void> {
    while (!this.#end.signal.aborted) {
      const begun = monotonicNow()
      const why = await this.#connectOnce()
      if (this.#end.signal.aborted) return
      if (why === undefined) continue
      this.#reportChange('failing', why)
      if (monotonicNow() - begun > lasting) this.#pause.reset()
      await this.#pause.wait()
    }
  }

  /** Returns why the connection ended; undefined if it only moves. */
  async #connectOnce(): Promise<string | undefined> {
    const { device } = this.#settings
    let uplink: string | null = null
    try {
      const { client, end } = await connectBroker(
        this.#mqtt,
        to => {
          if (device !== undefined) return connect({ ...to, device })
          uplink = this.#group.pick().name
          return this.#group.connect(to)
        },
        this.#settings,
        this.#end.signal,
      )
      // It may have ended since the broker accepted it, and such a client throws when it is to publish.
      if (!client.connected) return end
      this.#connection = { client, uplink }
      this.#begin(client)
      this.#reportChange('connected', '')
      this.#follow()
      const why = await end
      this.#retained.disconnected()
      this.#connection = undefined
      if (!this.#isMoving) return why
      this.#isMoving = false
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  }

  #begin(client: Mqtt.MqttClient): void {
    const availability = availabilityTopic(this.#settings)
    const { birthTopic } = this.#settings
    client.on('message', (topic, payload) => {
      if (topic === birthTopic) {
        if (String(payload) === 'online') this.#retained.repeat(this.#discoveryTopics)
        // The broker published the will of an old connection, which it gave up only now.
      } else if (topic === availability) {
        if (String(payload) === 'offline' && !this.#end.signal.aborted) this.#retained.repeat([availability])
      } else if (payload.length > 0 && this.#isLeftOver(topic)) this.#forget(topic, String(payload))
    })
    for (const topic of [birthTopic, availability, ownDiscovery(this.#settings)]) {
      client.subscribe(topic, (error, granted) => {
        const isRefused = error !== null || granted?.some(({ qos }) => qos >= 128)
        if (isRefused && client.connected) this.#reportChange('refused', `the broker refuses to send ${topic}`)
      })
    }
    this.#retained.connected(client)
  }

  #isLeftOver(topic: string): boolean {
    const hasRoom = this.#retained.size < this.#announced + maxLeftOver
    return hasRoom && !this.#retained.has(topic) && isOwnDiscovery(topic, this.#settings)
  }

  /** An entity of an uplink that was removed while no monitor ran. */
  #forget(topic: string, payload: string): void {
    const ofState = stateTopicIn(payload, this.#settings)
    const isOther = ofState === undefined || this.#retained.has(ofState)
    this.#retained.put(new Map([topic, ...(isOther ? [] : [ofState])].map(topic => [topic, ''])))
  }

  /** An arrow function, because it is a listener. */
  readonly #announce = (): void => {
    const availability: [string, string] = [availabilityTopic(this.#settings), 'online']
    const discovery = this.#discovery()
    const messages = new Map([...discovery, ...this.#states(), availability])
    this.#discoveryTopics = [...discovery.keys()]
    this.#announced = messages.size
    this.#retained.replace(messages)
    this.#follow()
  }

  readonly #onState = ({ uplink }: StateEvent): void => {
    this.#retained.put(this.#states(uplink))
    this.#pause.shorten()
    this.#follow()
  }

  #discovery() {
    return discoveryMessages(this.#settings, this.#version, this.#monitor.snapshot().uplinks)
  }

  #states(only?: string) {
    const uplinks = this.#monitor.snapshot().uplinks.filter(({ name }) => only === undefined || name === only)
    return stateMessages(this.#settings, uplinks, inUse(this.#monitor))
  }

  /** Moves to the uplink that new connections take. The group has cut the connection already if its own went down. */
  #follow(): void {
    const { client, uplink = null } = this.#connection ?? {}
    if (!client?.connected || uplink === null || this.#isMoving) return
    if (inUse(this.#monitor) === null || this.#group.pick().name === uplink) return
    // Its first verdict comes soon.
    if (this.#monitor.snapshot().uplinks.find(({ name }) => name === uplink)?.state === 'unknown') return
    this.#isMoving = true
    void this.#hangUp(client)
  }

  /** Sends what is pending and disconnects properly, so that the broker doesn't publish the will. */
  async #hangUp(client: Mqtt.MqttClient): Promise<void> {
    const timer = setTimeout(() => client.stream.destroy(), patience)
    await this.#retained.settled()
    client.end()
    await ended(client)
    clearTimeout(timer)
  }

  #reportChange(state: MqttReport['state'], why: string): void {
    if (state === 'failing' && why === this.#reported) return
    this.#reported = state === 'failing' ? why : ''
    this.#report({ state, uplink: this.#connection?.uplink ?? null, why, at: Date.now() })
  }
}
