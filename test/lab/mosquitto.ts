import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { context } from './context.js'
import { certificateFolder } from './nginx.js'
import { listening, start, stop } from './processes.js'

let instances = 0

export interface MosquittoOptions {
  /** The only user that the broker accepts. Default: it accepts every client. */
  user?: { name: string; password: string }
}

/**
 * Runs mosquitto on the internet host, on port 1883 and, with TLS, on port 8883. It ends with the test, or by `stop`, and keeps no
 * data.
 */
export async function mosquitto({ user }: MosquittoOptions = {}) {
  const file = join(context.folder, `mosquitto-${process.pid}-${++instances}`)
  if (user) execFileSync('mosquitto_passwd', ['-c', '-b', `${file}.users`, user.name, user.password])
  const settings = [
    // mosquitto's default user can't read the laboratory's files.
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
    /** The source addresses of clients with this identifier, in the order of their connections. */
    clients: (id: string) =>
      [...log.matchAll(/New client connected from (\S+):\d+ as (\S+) /g)].flatMap(([, from, as]) =>
        as === id ? [from] : [],
      ),
  }
}

/** Subscribes to all topics: collects the retained messages, then the new ones. */
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
    /** The newest payload of each topic. */
    latest: (): Record<string, string> => Object.fromEntries(messages().map(({ topic, payload }) => [topic, payload])),
    stop: () => stop(child),
  }
}
