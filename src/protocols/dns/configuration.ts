import { type PathOptions, pathOf } from '../../options.js'
import type { Asking } from './client.js'
import type { ResolvConf } from './resolv-conf.js'
import { parseDnsServer } from './server-address.js'
import { resolvConf, upstreamFiles } from './system-files.js'

interface AskingOptions extends PathOptions {
  servers?: readonly string[]
  timeout?: number
}

/** How to ask over a path. The files are read when a question is put: a literal address needs none. */
export function askingBy(options: AskingOptions, signal: AbortSignal, onAnswer?: Asking['onAnswer']): Asking {
  return {
    get conf() {
      return resolverConf(options)
    },
    path: pathOf(options),
    signal,
    onAnswer,
  }
}

/**
 * resolv.conf(5), with other servers where the caller names some. Through a device, a resolver that runs on this machine
 * can't be reached: then the servers behind it, if the system lists them.
 */
function resolverConf({ servers, device, timeout }: AskingOptions): ResolvConf {
  const conf = resolvConf.read()
  if (servers) return shareTimeLimit({ ...conf, servers: servers.map(text => parseDnsServer(text)!) }, timeout)
  const usable = device === undefined || device === 'lo' ? conf : reachableConf(conf, readUpstreams)
  return shareTimeLimit(usable, timeout)
}

/**
 * Within a time limit for the whole, each try but the last gets a share of it: else one lost datagram, or a first server that
 * is down, would use it all up (resolv.conf's timeout is 5 s). One share is left for what comes after.
 */
export function shareTimeLimit(conf: ResolvConf, limit: number | undefined): ResolvConf {
  if (limit === undefined) return conf
  const share = limit / (conf.servers.length * conf.attempts + 1)
  return { ...conf, timeout: Math.min(conf.timeout, share), lastTimeout: conf.timeout }
}

const readUpstreams = () => upstreamFiles.map(file => file.read())

export function reachableConf(conf: ResolvConf, upstreams: () => readonly ResolvConf[]): ResolvConf {
  if (!conf.servers.every(isLocal)) return conf
  const upstream = upstreams().find(({ servers }) => !servers.every(isLocal))
  return upstream ? { ...conf, servers: upstream.servers.filter(server => !isLocal(server)) } : conf
}

export function isLocal({ address = '' }: { address?: string }): boolean {
  return address.startsWith('127.') || address === '::1'
}
