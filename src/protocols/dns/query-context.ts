import type { NetviaError } from '../../errors.js'
import { type PathOptions, pathOf } from '../../options.js'
import type { Signal } from '../../runtime/cancel.js'
import { resolverConf } from './configuration.js'
import type { ResolvConf } from './resolv-conf.js'
import type { DnsServer } from './server-address.js'

/** What the questions of one call share: configuration, path, limits, and the servers that answered. */
export interface QueryContext {
  readonly conf: ResolvConf
  readonly path: PathOptions
  readonly signal?: Signal
  /**
   * Milliseconds that `signal` allows a question. Default: no such limit; a question takes resolv.conf's `timeout` times
   * its `attempts`.
   */
  readonly timeLimit?: number
  /** Milliseconds that one family's addresses wait for the other's if any suits the path. Default: until the question ends. */
  readonly patience?: number
  /** Called for each server that answers, whatever the answer. */
  readonly onAnswer?: (server: DnsServer) => void
  /** The questions in progress. */
  readonly open?: OpenQuestion[]
}

interface OpenQuestion {
  /** Returns its current error, with this code or its own. */
  unanswered(code?: string): NetviaError
}

/** The current error of the questions in progress, for when the time is over. Undefined if there is none. */
export function unanswered({ open }: QueryContext, code?: string): NetviaError | undefined {
  return open?.[0]?.unanswered(code)
}

interface QueryContextOptions extends PathOptions {
  servers?: readonly string[]
  timeout?: number
}

/**
 * Creates the context of questions over a path. The first question reads the files, because a literal address needs none.
 */
export function queryContext(options: QueryContextOptions, signal: Signal, more: MoreContext = {}): PathQueryContext {
  return new PathQueryContext(options, signal, more)
}

type MoreContext = Pick<QueryContext, 'onAnswer' | 'patience'>

class PathQueryContext implements QueryContext {
  readonly path: PathOptions
  readonly timeLimit: number | undefined
  readonly patience: number | undefined
  readonly onAnswer: ((server: DnsServer) => void) | undefined
  readonly open: OpenQuestion[] = []
  readonly #options: QueryContextOptions
  #conf: ResolvConf | undefined

  constructor(
    options: QueryContextOptions,
    readonly signal: Signal,
    { patience, onAnswer }: MoreContext,
  ) {
    this.path = pathOf(options)
    this.timeLimit = options.timeout
    this.patience = patience
    this.onAnswer = onAnswer
    this.#options = options
  }

  get conf(): ResolvConf {
    this.#conf ??= resolverConf(this.#options)
    return this.#conf
  }
}
