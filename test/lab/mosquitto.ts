import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { context } from './context.js'
import { certificateFolder } from './nginx.js'
import { listening, start, stop } from './processes.js'

let instances = 0

export interface MosquittoOptions {
  /** Takes no others than this one. Default: anybody. */
  user?: { name: string; password: string }
}

/**
 * Runs a mosquitto on the internet host: port 1883, and port 8883 with TLS. It forgets all when it ends: with the test, or by
 * `stop`.
 */
export async function mosquitto({ user }: MosquittoOptions = {}) {
  const file = join(context.folder, `mosquitto-${process.pid}-${++instances}`)
  if (user) execFileSync('mosquitto_passwd', ['-c', '-b', `${file}.users`, user.name, user.password])
  const settings = [
    // It would become one that can't read the laboratory's files.
    'user root',
    'log_dest stdout',
    'log_type all',
    user ? `password_file ${file}.users` : 'allow_anonymous true',
    'listener 1883',
    'listener 8883',
    `certfile ${join(certificateFolder, 'server.pem')}`,
    `keyfile ${join(certificateFolder, 'server.key')}`,
  ]
  writeFileSync(`${file}.conf`, `${settings.join('\n')}\n`)
  const child = start('internet', 'mosquitto', '-c', `${file}.conf`)
  let log = ''
  child.stdout!.setEncoding('utf8').on('data', text => {
    log += text
  })
  await listening(child, 'internet', 'tcp', [1883, 8883])
  return {
    stop: () => stop(child),
    /** The addresses that clients of this identifier came from, in their order. */
    clients: (id: string) =>
      [...log.matchAll(/New client connected from (\S+):\d+ as (\S+) /g)].flatMap(([, from, as]) =>
        as === id ? [from] : [],
      ),
  }
}

/** What the broker sends to one that takes all topics: the retained messages, then those that come. */
export function subscribe({ user }: MosquittoOptions = {}) {
  const login = user ? ['-u', user.name, '-P', user.password] : []
  const child = start('internet', 'mosquitto_sub', '-h', context.server.address4, ...login, '-t', '#', '-F', '%t %p')
  let said = ''
  child.stdout!.setEncoding('utf8').on('data', text => {
    said += text
  })
  const messages = () => {
    const lines = said.slice(0, said.lastIndexOf('\n') + 1).split('\n')
    return lines.slice(0, -1).map(line => {
      const space = line.indexOf(' ')
      return { topic: line.slice(0, space), payload: line.slice(space + 1) }
    })
  }
  return {
    messages,
    /** The newest of each topic. */
    latest: (): Record<string, string> => Object.fromEntries(messages().map(({ topic, payload }) => [topic, payload])),
    stop: () => stop(child),
  }
}
