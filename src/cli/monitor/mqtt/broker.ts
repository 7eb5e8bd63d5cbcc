import type { Socket } from 'node:net'
import type * as Mqtt from 'mqtt'
import { longestTimer } from '../../../options.js'
import { startTls } from '../../../protocols/tcp/connect-tls.js'
import { withinTimeLimit } from '../../../protocols/tcp/time-limit.js'
import { type Signal, toAbortSignal } from '../../../runtime/cancel.js'
import { readNamedFile, readNamedText } from '../../shared/named-file.js'
import { availabilityTopic } from './messages.js'
import type { MqttSettings } from './options.js'
import { LimitedStream } from './packet-limit.js'

/** In seconds. After one and a half times as long without a packet, the broker reports the router as offline. */
const keepalive = 30

interface Secrets {
  password: string | undefined
  ca: string | undefined
}

/**
 * Reads the files that the settings name.
 *
 * @throws the error of a file that can't be read.
 */
export function readSecrets({ passwordFile, caFile }: MqttSettings): Secrets {
  return {
    password: passwordFile === undefined ? undefined : readNamedText(passwordFile, 0).split(/\r?\n/, 1)[0],
    // Comments between certificates may have any encoding.
    ca: caFile === undefined ? undefined : readNamedFile(caFile, 0).toString(),
  }
}

/** Opens a connection to the broker over a path. */
export type Dial = (to: { host: string; port: number; signal: AbortSignal }) => Promise<Socket>

export interface Connected {
  client: Mqtt.MqttClient
  /** Resolves with why, when the connection has ended. */
  end: Promise<string>
}

/**
 * Connects once, and waits until the broker accepts the connection.
 *
 * @throws why it failed. Nothing stays open then.
 */
export async function connectBroker(
  { MqttClient }: typeof Mqtt,
  dial: Dial,
  settings: MqttSettings,
  signal: AbortSignal,
): Promise<Connected> {
  const { host, port, secure, device, timeout, username, instance } = settings
  const { password, ca } = readSecrets(settings)
  const to = { host, port, device, timeout, signal }
  return withinTimeLimit(to, async (signal, progress) => {
    progress.phase = 'connection'
    const socket = await dial({ host, port, signal: toAbortSignal(signal) })
    progress.phase = 'TLS handshake'
    const stream = new LimitedStream(secure ? await startTls(socket, { host, port, device, ca }, signal) : socket)
    progress.phase = 'MQTT handshake'
    const client = new MqttClient(() => stream, {
      // A socket can be connected only once.
      reconnectPeriod: 0,
      // The same identifier after a reconnect makes the broker end the old connection, instead of publishing "offline" a minute later.
      ...{ clientId: `netvia-${instance}`, clean: true, protocolVersion: 4, keepalive },
      // The limit around all phases has a better message, and allows for a busy event loop.
      connectTimeout: longestTimer,
      ...{ username, password },
      will: { topic: availabilityTopic(settings), payload: Buffer.from('offline'), qos: 1, retain: true },
    })
    // From here on: what ends the connection may come with the broker's acceptance, in one piece.
    const causes = `another monitor has the instance ${instance} too, or if it forbids a topic`
    // MQTT 3.1.1 has no message for either (sections 3.1.4 and 3.3.5).
    const end = ended(client, `the broker ended the connection, as it does if ${causes}`)
    await accepted(client, signal)
    return { client, end }
  })
}

/** Resolves with the reason when the connection has ended; `unsaid` if there is no error. */
export function ended(client: Mqtt.MqttClient, unsaid = ''): Promise<string> {
  return new Promise(resolve => {
    if (client.stream.destroyed) return resolve(unsaid)
    let why: string | undefined
    const onError = (error: Error) => {
      why ??= error.message
      // The client reports a packet that it can't read, reads no further, and would keep the connection until the next missing PINGRESP.
      client.stream.destroy()
    }
    client.stream.on('error', onError)
    client.on('error', onError).once('close', () => resolve(why ?? unsaid))
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
    // The first error counts. Later ones need a listener too.
    client
      .on('error', refuse)
      .once('close', () =>
        refuse(client.stream.errored ?? new Error('the broker ended the connection before it answered')),
      )
      .once('connect', () => {
        signal.removeEventListener('abort', onAbort)
        client.off('error', refuse)
        resolve()
      })
  })
}
