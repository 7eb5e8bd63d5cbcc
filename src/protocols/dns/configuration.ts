import type { PathOptions } from '../../options.js'
import type { Asking } from './client.js'
import type { ResolvConf } from './resolv-conf.js'
import { parseDnsServer } from './server-address.js'
import { resolvConf, upstreamFiles } from './system-files.js'

/** How to ask over a path. The files are read when a question is put: a literal address needs none. */
export function askingBy(
  servers: readonly string[] | undefined,
  path: PathOptions,
  signal: AbortSignal,
  onAnswer?: Asking['onAnswer'],
): Asking {
  return {
    get conf() {
      return resolverConf(servers, path.device)
    },
    path,
    signal,
    onAnswer,
  }
}

/**
 * resolv.conf(5), with other servers where the caller names some. Through a device, a resolver that runs on this machine
 * can't be reached: then the servers behind it, if the system lists them.
 */
function resolverConf(servers: readonly string[] | undefined, device: string | undefined): ResolvConf {
  const conf = resolvConf.read()
  if (servers?.length) return { ...conf, servers: servers.map(text => parseDnsServer(text)!) }
  return device === undefined || device === 'lo'
    ? conf
    : reachableConf(conf, () => upstreamFiles.map(file => file.read()))
}

export function reachableConf(conf: ResolvConf, upstreams: () => readonly ResolvConf[]): ResolvConf {
  if (!conf.servers.every(isLocal)) return conf
  const upstream = upstreams().find(({ servers }) => !servers.every(isLocal))
  return upstream ? { ...conf, servers: upstream.servers.filter(server => !isLocal(server)) } : conf
}

export function isLocal({ address = '' }: { address?: string }): boolean {
  return address.startsWith('127.') || address === '::1'
}
