import { joinHostPort } from '../../errors.js'
import { serveLine } from '../../line/serve-line.js'
import { tokenOf } from '../monitor/web/access.js'
import { usageError } from '../shared/arguments.js'
import { Exit } from '../shared/exit-code.js'
import { fired } from '../shared/interrupt.js'
import { type PathFlags, pathsOf } from '../shared/path-options.js'
import type { Session } from '../shared/session.js'

export interface ServeFlags extends PathFlags {
  listen?: string[]
  port?: number
  tokenFile?: string
  maxBytes?: number
}

export async function serve({ output, signal }: Session, flags: ServeFlags): Promise<Exit> {
  const [path, other] = pathsOf(flags)
  if (other) throw usageError('--serve takes one device')
  const { listen, tokenFile, maxBytes } = flags
  const token = tokenOf(tokenFile, process.env)
  if (maxBytes !== undefined && token === undefined)
    throw usageError('--max-bytes is for rates: they need --token-file, or NETVIA_TOKEN')
  const { hosts, port, close } = await serveLine({ ...path!.options, hosts: listen, port: flags.port, token, maxBytes })
  output.object('listening', { addresses: hosts, port })
  const what = token === undefined ? 'STUN alone (rates need --token-file)' : 'STUN and rates'
  output.line(`serving netvia line at ${hosts.map(host => joinHostPort(host, port)).join(' and ')}: ${what}`)
  await fired(signal)
  await close()
  return Exit.good
}
