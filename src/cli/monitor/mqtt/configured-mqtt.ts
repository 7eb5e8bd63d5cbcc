import { isDeepStrictEqual } from 'node:util'
import type { UplinkMonitor } from '../../../monitor/monitor.js'
import { SerialQueue } from '../../../runtime/serial-queue.js'
import type { Reporter } from '../reporter.js'
import { readSecrets } from './broker.js'
import type { MqttPublisher } from './mqtt-publisher.js'
import { type MqttOptions, type MqttSettings, mqttSettings } from './options.js'

/** Shows the router in Home Assistant if the configuration says so. */
export class ConfiguredMqtt {
  readonly #monitor: UplinkMonitor
  readonly #reporter: Reporter
  readonly #version: string
  readonly #calls = new SerialQueue()
  #settings: MqttSettings | undefined
  #publisher: MqttPublisher | undefined

  constructor(monitor: UplinkMonitor, reporter: Reporter, version: string) {
    this.#monitor = monitor
    this.#reporter = reporter
    this.#version = version
  }

  /** Switches to these options, one call after another. Removes what is no longer announced. */
  set(options: MqttOptions | undefined): Promise<void> {
    return this.#calls.run(() => this.#set(options && mqttSettings(options)))
  }

  /** Leaves the announced entities in place, as those of a router that is offline. */
  close(): Promise<void> {
    return this.#calls.run(() => this.#publisher?.close({ forget: false }))
  }

  async #set(settings: MqttSettings | undefined): Promise<void> {
    if (isDeepStrictEqual(settings, this.#settings)) return
    if (settings) readSecrets(settings)
    await this.#publisher?.close({ forget: !settings || !isSamePlace(settings, this.#settings!) })
    this.#publisher = undefined
    this.#settings = undefined
    if (!settings) return
    const { MqttPublisher } = await import('./mqtt-publisher.js')
    this.#publisher = new MqttPublisher(this.#monitor, settings, this.#version, report =>
      this.#reporter.announced(report),
    )
    this.#settings = settings
  }
}

function isSamePlace(one: MqttSettings, other: MqttSettings): boolean {
  const keys = ['host', 'port', 'instance', 'topic', 'discoveryPrefix'] as const
  return keys.every(key => one[key] === other[key])
}
