import type { MqttClient } from 'mqtt'
import type { Messages } from './messages.js'

interface Connection {
  client: MqttClient
  /** What the broker has acknowledged on this connection. */
  held: Messages
  /** Topics in flight. After its acknowledgement, each one continues with its newest payload. */
  sending: Set<string>
}

/**
 * The retained messages that the broker should have. Each topic keeps only its newest one, with at most one in flight, so memory
 * is bounded by the number of topics, however slow the connection is.
 */
export class Retained {
  /** An empty payload removes the topic from the broker. */
  readonly #wanted: Messages = new Map()
  #connection: Connection | undefined
  readonly #waiters = new Set<() => void>()

  /** Sets exactly these messages. Earlier ones that are not among them are removed from the broker. */
  replace(messages: Messages): void {
    for (const topic of this.#wanted.keys()) if (!messages.has(topic)) this.#wanted.set(topic, '')
    this.put(messages)
  }

  put(messages: Messages): void {
    for (const [topic, payload] of messages) this.#wanted.set(topic, payload)
    this.#send()
  }

  /** The number of topics that are wanted or not removed yet. */
  get size(): number {
    return this.#wanted.size
  }

  has(topic: string): boolean {
    return this.#wanted.has(topic)
  }

  /** Sends these topics again. */
  repeat(topics: Iterable<string>): void {
    for (const topic of topics) this.#connection?.held.delete(topic)
    this.#send()
  }

  /** Sends everything, oldest change first. */
  connected(client: MqttClient): void {
    this.#connection = { client, held: new Map(), sending: new Set() }
    this.#send()
  }

  disconnected(): void {
    this.#connection = undefined
    this.#settle()
  }

  /** Resolves when the broker has everything, or the connection is gone. */
  settled(): Promise<void> {
    return new Promise(resolve => {
      if (!this.#connection || this.#connection.sending.size === 0) resolve()
      else this.#waiters.add(resolve)
    })
  }

  #settle(): void {
    for (const resolve of this.#waiters) resolve()
    this.#waiters.clear()
  }

  #send(): void {
    const connection = this.#connection
    if (!connection) return
    for (const [topic, payload] of this.#wanted) {
      if (connection.held.get(topic) !== payload) this.#sendOne(connection, topic, payload)
    }
  }

  #sendOne(connection: Connection, topic: string, payload: string): void {
    const { client, held, sending } = connection
    // A client that has ended throws. The next connection sends everything.
    if (sending.has(topic) || !client.connected) return
    sending.add(topic)
    client.publish(topic, payload, { qos: 1, retain: true }, error => {
      sending.delete(topic)
      if (error || connection !== this.#connection) return
      held.set(topic, payload)
      const next = this.#wanted.get(topic)
      if (next !== undefined && next !== payload) return this.#sendOne(connection, topic, next)
      if (next === '') {
        this.#wanted.delete(topic)
        held.delete(topic)
      }
      if (sending.size === 0) this.#settle()
    })
  }
}
