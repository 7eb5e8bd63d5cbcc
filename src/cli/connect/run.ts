import { judge } from '../../checks/outcome.js'
import { joinHostPort, type NetviaError } from '../../errors.js'
import { parseHostPort } from '../../host-port.js'
import { checkOptions, port } from '../../options.js'
import { connectSchema, dialInTime } from '../../protocols/tcp/dial.js'
import { resetSocket } from '../../sockets/reset.js'
import { usageError } from '../shared/arguments.js'
import { compare } from '../shared/compare.js'
import { type Exit, exitOf } from '../shared/exit-code.js'
import { type FamilyFlags, familyOf, type OutputFlags } from '../shared/options.js'
import { milliseconds } from '../shared/output/format.js'
import { type PathFlags, pathsOf } from '../shared/path-options.js'
import type { Session } from '../shared/session.js'

export interface ConnectFlags extends PathFlags, FamilyFlags, OutputFlags {
  count: number
  timeout: number
  server?: string[]
}

interface Connected {
  ok: boolean
  dnsMs?: number
  connectMs?: number
  localAddress?: string
  localPort?: number
  remoteAddress?: string
  remotePort?: number
  error?: NetviaError
}

export async function run(session: Session, flags: ConnectFlags, host: string, portNumber?: number): Promise<Exit> {
  const target = portNumber === undefined ? parseHostPort(host) : { host, port: portNumber }
  if (target?.port === undefined) throw usageError('connect: a port is needed, as "host port" or "host:port"')
  port(target.port, 'connect: port')
  const { signal } = session
  const common = {
    host: target.host,
    port: target.port,
    timeout: flags.timeout,
    family: familyOf(flags),
    servers: flags.server,
  }
  const time = (title: string) => ({ title, align: 'right' as const })
  return compare<Connected>(session, flags, [joinHostPort(target.host, target.port)], pathsOf(flags), {
    subject: 'host',
    columns: [
      { title: 'outcome' },
      time('dns'),
      time('connect'),
      { title: 'from', spare: true },
      { title: 'to', spare: true },
    ],
    async measure(_target, path) {
      const options = { ...common, ...path.options, signal }
      checkOptions('connect', options, connectSchema)
      return judge<Connected>(
        signal,
        options.device,
        async () => {
          const { socket, dnsMs, connectMs } = await dialInTime(options)
          const { localAddress, localPort, remoteAddress, remotePort } = socket
          // As checkTcp: nothing is left in TIME_WAIT, where late packets are answered by another device.
          resetSocket(socket)
          return { ok: true, dnsMs, connectMs, localAddress, localPort, remoteAddress, remotePort }
        },
        error => ({ ok: false, error }),
      )
    },
    cells: ({ ok, dnsMs, connectMs, localAddress, localPort, remoteAddress, remotePort, error }) => [
      ok ? session.output.color.green('connected') : session.output.color.red(error!.code),
      milliseconds(dnsMs),
      milliseconds(connectMs),
      ok ? joinHostPort(localAddress!, localPort!) : '-',
      ok ? joinHostPort(remoteAddress!, remotePort!) : '-',
    ],
    tookMs: ({ ok, dnsMs = 0, connectMs = 0 }) => (ok ? dnsMs + connectMs : undefined),
    trouble: ({ error }) => error,
    exit: exitOf,
  })
}
