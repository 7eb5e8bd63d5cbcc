import type { MqttClient } from 'mqtt'
import type { Messages } from './messages.js'

interface Connection {
  client: MqttClient
  /** What the broker has acknowledged on this connection. */
  held: Messages
  /** Topics on their way, each of which goes on with what is wanted when that is acknowledged. */
  sending: Set<string>
}

/**
 * The retained messages that the broker should have. Only the newest of a topic is kept, and at most one is on its way, so memory
 * is bounded by the number of topics, whatever the connection does.
 */
export class Retained {
  /** An empty payload removes the topic from the broker. */
  readonly #wanted: Messages = new Map()
  #connection: Connection | undefined
  readonly #waiters = new Set<() => void>()

  /** These, and no others: what was wanted so far and is not among them is removed. */
  replace(messages: Messages): void {
    for (const topic of this.#wanted.keys()) if (!messages.has(topic)) this.#wanted.set(topic, '')
    this.put(messages)
  }

  put(messages: Messages): void {
    for (const [topic, payload] of messages) this.#wanted.set(topic, payload)
    this.#send()
  }

  has(topic: string): boolean {
    return this.#wanted.has(topic)
  }

  /** Sends these topics again. */
  repeat(topics: Iterable<string>): void {
    for (const topic of topics) this.#connection?.held.delete(topic)
    this.#send()
  }

  /** Sends everything, in the order in which it came to be wanted. */
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
    if (sending.has(topic)) return
    sending.add(topic)
    client.publish(topic, payload, { qos: 1, retain: true }, error => {
      sending.delete(topic)
      // The next connection sends everything.
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
