import type { Socket } from 'node:net'
import type { Match } from '../../../checks/match.js'
import type { TcpModule } from '../config/modules.js'
import type { Pattern } from '../config/values.js'
import { chooseAddress } from './address.js'
import { hostAndPort, openConnection, tryConnection, using } from './connection.js'
import { LineReader } from './line-reader.js'
import { Failed, matchOf, type Probe } from './probe.js'
import { secureConnection, tlsMetrics } from './tls.js'

export async function probeTcp(probe: Probe, module: TcpModule = {}): Promise<void> {
  const { target, metrics, hostname, signal, log } = probe
  metrics.set('probe_failed_due_to_regex', 'Whether a regular expression was what failed', 0)
  const split = hostAndPort(target)
  if (!split) throw new Failed('the target is no host:port')
  const { host, port } = split
  const { address } = await chooseAddress(host, module, probe)
  if (!module.tls && !module.query_response?.length) {
    log('Connected', await tryConnection(probe, address, port, module.source_ip_address))
    return
  }
  const { socket: plain } = await openConnection(probe, address, port, module.source_ip_address)
  log('Connected', { localAddress: plain.localAddress, remoteAddress: plain.remoteAddress })
  await using(plain, signal, async () => {
    const upgrade = async (socket: Socket) => {
      const facts = await secureConnection(socket, hostname || host, module.tls_config, probe)
      tlsMetrics(facts, probe)
      return facts.secure
    }
    const first = module.tls ? await upgrade(plain) : plain
    await converse(probe, module.query_response ?? [], first, upgrade)
  })
}

async function converse(
  { metrics, signal, log }: Probe,
  entries: NonNullable<TcpModule['query_response']>,
  first: Socket,
  upgrade: (socket: Socket) => Promise<Socket>,
): Promise<void> {
  let socket = first
  let reader = new LineReader(socket)
  const failedByPattern = (failed: boolean) =>
    metrics.set('probe_failed_due_to_regex', 'Whether a regular expression was what failed', Number(failed))
  for (const [index, { expect, send = '', starttls }] of entries.entries()) {
    log('Next entry of query_response', { index })
    let text = send
    if (expect) {
      const found = await matchingLine(reader, expect, signal)
      failedByPattern(found === undefined)
      if (found === undefined) throw new Failed(`no line matches ${expect.pattern}`)
      log('A line matches', { line: found.line, pattern: expect.pattern })
      text = expand(send, found.match)
    }
    if (text !== '') await write(socket, `${text}\n`)
    if (starttls) {
      reader.detach()
      socket = await upgrade(socket)
      reader = new LineReader(socket)
    }
  }
}

async function matchingLine(
  reader: LineReader,
  expect: Pattern,
  signal: AbortSignal,
): Promise<{ line: string; match: Match } | undefined> {
  for (let line = await reader.next(); line !== undefined; line = await reader.next()) {
    const match = await matchOf(line, expect, signal)
    if (match) return { line, match }
  }
  return undefined
}

/** Replaces `$1`, `${1}`, `${name}` and `$$` as Go's `Regexp.Expand` does. Missing groups are empty. */
export function expand(template: string, { groups, named }: Match): string {
  return template.replace(/\$(?:(\$)|(\w+)|\{(\w+)\})/g, (_all, dollar, bare, braced) => {
    const name = bare ?? braced
    if (dollar) return '$'
    return (/^\d+$/.test(name) ? groups[Number(name)] : named[name]) ?? ''
  })
}

function write(socket: Socket, text: string): Promise<void> {
  return new Promise((resolve, reject) => socket.write(text, error => (error ? reject(error) : resolve())))
}
