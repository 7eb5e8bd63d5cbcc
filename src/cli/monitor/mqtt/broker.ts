import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import type * as Mqtt from 'mqtt'
import { startTls } from '../../../protocols/tcp/connect-tls.js'
import { withinTimeLimit } from '../../../protocols/tcp/time-limit.js'
import { type Signal, toAbortSignal } from '../../../runtime/cancel.js'
import { availabilityTopic } from './messages.js'
import type { MqttSettings } from './options.js'

/** Seconds. After one and a half of these without a word, the broker says that the router is offline. */
const keepalive = 30

interface Secrets {
  password: string | undefined
  ca: string | undefined
}

/**
 * What is in the files that the settings name.
 *
 * @throws the error of a file that can't be read.
 */
export function readSecrets({ passwordFile, caFile }: MqttSettings): Secrets {
  return {
    password: passwordFile === undefined ? undefined : readFileSync(passwordFile, 'utf8').split(/\r?\n/, 1)[0],
    ca: caFile === undefined ? undefined : readFileSync(caFile, 'utf8'),
  }
}

/** How a path leads to the broker. */
export type Dial = (to: { host: string; port: number; signal: AbortSignal }) => Promise<Socket>

/**
 * Connects once, and waits until the broker has accepted that.
 *
 * @throws what went wrong; nothing is left open then.
 */
export async function connectBroker(
  { MqttClient }: typeof Mqtt,
  dial: Dial,
  settings: MqttSettings,
  signal: AbortSignal,
): Promise<Mqtt.MqttClient> {
  const { host, port, secure, device, timeout, username, instance } = settings
  const { password, ca } = readSecrets(settings)
  const to = { host, port, device, timeout, signal }
  return withinTimeLimit(to, async (signal, progress) => {
    progress.phase = 'connection'
    const socket = await dial({ host, port, signal: toAbortSignal(signal) })
    progress.phase = 'TLS handshake'
    const stream = secure ? await startTls(socket, { host, port, device, ca }, signal) : socket
    const client = new MqttClient(() => stream, {
      // A socket is connected once.
      reconnectPeriod: 0,
      // The same after a reconnect: the broker then ends what it still holds open, instead of saying "offline" a minute later.
      ...{ clientId: `netvia-${instance}`, clean: true, protocolVersion: 4, keepalive, connectTimeout: timeout },
      ...{ username, password },
      will: { topic: availabilityTopic(settings), payload: Buffer.from('offline'), qos: 1, retain: true },
    })
    await accepted(client, signal)
    return client
  })
}

/** Resolves with why, when the connection has ended. */
export function ended(client: Mqtt.MqttClient): Promise<string> {
  return new Promise(resolve => {
    let why = 'the broker ended the connection'
    if (client.stream.destroyed) return resolve(why)
    const note = (error: Error) => {
      why = error.message
    }
    client.stream.on('error', note)
    client.on('error', note).once('close', () => resolve(why))
  })
}

function accepted(client: Mqtt.MqttClient, signal: Signal): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: unknown) => {
      signal.removeEventListener('abort', onAbort)
      client.end(true)
      reject(error)
    }
    const onAbort = () => refuse(signal.reason)
    signal.addEventListener('abort', onAbort)
    // The first counts; later ones have to be listened for.
    client
      .on('error', refuse)
      .once('close', () => refuse(new Error('the broker ended the connection before it answered')))
      .once('connect', () => {
        signal.removeEventListener('abort', onAbort)
        client.off('error', refuse)
        resolve()
      })
  })
}
