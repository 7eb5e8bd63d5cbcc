import { joinHostPort } from '../../errors.js'
import { serveLine } from '../../line/serve-line.js'
import { usageError } from '../shared/arguments.js'
import { Exit } from '../shared/exit-code.js'
import { fired } from '../shared/interrupt.js'
import { type PathFlags, pathsOf } from '../shared/path-options.js'
import type { Session } from '../shared/session.js'

export interface ServeFlags extends PathFlags {
  listen?: string[]
  port?: number
}

export async function serve({ output, signal }: Session, flags: ServeFlags): Promise<Exit> {
  const [path, other] = pathsOf(flags)
  if (other) throw usageError('--serve takes one device')
  const { hosts, port, close } = await serveLine({ ...path!.options, hosts: flags.listen, port: flags.port })
  output.object('listening', { addresses: hosts, port })
  output.line(`serving netvia line at ${hosts.map(host => joinHostPort(host, port)).join(' and ')}`)
  await fired(signal)
  await close()
  return Exit.good
}
