import type { NetviaError } from '../../errors.js'
import { type PathOptions, pathOf } from '../../options.js'
import type { Signal } from '../../runtime/cancel.js'
import { resolverConf } from './configuration.js'
import type { ResolvConf } from './resolv-conf.js'
import type { DnsServer } from './server-address.js'

/** How questions are put. */
export interface Asking {
  readonly conf: ResolvConf
  readonly path: PathOptions
  readonly signal?: Signal
  /** For one question, in milliseconds. Default: resolv.conf's `timeout` times its `attempts`. */
  readonly timeLimit?: number
  /** How long one family's addresses wait for the other's, in milliseconds. Default: to the end of the question. */
  readonly patience?: number
  /** Called for each server that answers, whatever it says. */
  readonly onAnswer?: (server: DnsServer) => void
  /** For each question under way: what its error would be now, with this code or its own. */
  readonly open?: Set<(code?: string) => NetviaError>
}

/** The error of what is under way as it stands, for when the time of the whole is over. Undefined: no question is. */
export function unanswered({ open }: Asking, code?: string): NetviaError | undefined {
  const [first] = open ?? []
  return first?.(code)
}

interface AskingOptions extends PathOptions {
  servers?: readonly string[]
  timeout?: number
}

/** How to ask over a path. The files are read when the first question is put: a literal address needs none. */
export function askingBy(
  options: AskingOptions,
  signal: Signal,
  more: Pick<Asking, 'onAnswer' | 'patience'> = {},
): Asking & { readonly open: Set<(code?: string) => NetviaError> } {
  let conf: ResolvConf | undefined
  return {
    get conf() {
      conf ??= resolverConf(options)
      return conf
    },
    path: pathOf(options),
    signal,
    timeLimit: options.timeout,
    open: new Set(),
    ...more,
  }
}
