import picocolors from 'picocolors'

export interface Terminal {
  /** Standard output is a terminal: tables may be redrawn. */
  readonly live: boolean
  /** What fits in a line; Infinity where nobody looks. */
  readonly columns: number
  readonly color: ReturnType<typeof picocolors.createColors>
}

/** What standard output can do. `NO_COLOR` and `FORCE_COLOR` as everywhere; `COLUMNS` counts in a pipe too. */
export function describeTerminal(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Terminal {
  const smart = stream.isTTY === true && env.TERM !== 'dumb'
  const given = Number(env.COLUMNS)
  return {
    live: smart,
    /** Asked anew each time: a window may be pulled wider. */
    get columns() {
      return given > 0 ? given : stream.isTTY ? stream.columns || 80 : Number.POSITIVE_INFINITY
    },
    color: picocolors.createColors(!env.NO_COLOR && (smart || Boolean(env.FORCE_COLOR))),
  }
}
