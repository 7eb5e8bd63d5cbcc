import { paint } from './escape.js'

export interface Terminal {
  /** Standard output is a terminal: tables may be redrawn. */
  readonly live: boolean
  /** Columns of a line; Infinity if the output isn't a terminal. */
  readonly columns: number
  readonly color: Record<keyof typeof codes, (text: string) => string>
}

/** The codes that begin and end each style (ECMA-48 section 8.3.117). */
const codes = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39] } as const

/** What standard output can do. It obeys `NO_COLOR` and `FORCE_COLOR`, and `COLUMNS` in a pipe too. */
export function describeTerminal(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Terminal {
  const smart = stream.isTTY === true && env.TERM !== 'dumb'
  const given = Number(env.COLUMNS)
  return {
    live: smart,
    /** Read each time, because a window can change its width. */
    get columns() {
      return given > 0 ? given : stream.isTTY ? stream.columns || 80 : Number.POSITIVE_INFINITY
    },
    color: colors(!env.NO_COLOR && (smart || Boolean(env.FORCE_COLOR))),
  }
}

function colors(wanted: boolean): Terminal['color'] {
  const painters = Object.entries(codes).map(([name, [begin, end]]) => {
    return [name, (text: string) => (wanted ? `${paint(begin)}${text}${paint(end)}` : text)]
  })
  return Object.fromEntries(painters)
}
