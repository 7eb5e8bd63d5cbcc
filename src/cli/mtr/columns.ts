import type { HopStatistics } from '../../protocols/traceroute/route-statistics.js'
import { digits, percent } from '../shared/output/format.js'
import type { Column } from '../shared/output/table.js'
import type { Terminal } from '../shared/output/terminal.js'

interface HopColumn {
  title: string
  cell(hop: HopStatistics): string
}

/** Columns by mtr's letters, with mtr's titles. */
const columns: Record<string, HopColumn> = {
  L: { title: 'Loss', cell: ({ lossRatio, lossContinues }) => `${percent(lossRatio)}${lossContinues ? '!' : ' '}` },
  D: { title: 'Drop', cell: ({ sent, received }) => String(sent - received) },
  R: { title: 'Rcv', cell: ({ received }) => String(received) },
  S: { title: 'Snt', cell: ({ sent }) => String(sent) },
  N: { title: 'Last', cell: ({ lastMs }) => digits(lastMs) },
  B: { title: 'Best', cell: ({ bestMs }) => digits(bestMs) },
  A: { title: 'Avg', cell: ({ avgMs }) => digits(avgMs) },
  W: { title: 'Wrst', cell: ({ worstMs }) => digits(worstMs) },
  V: { title: 'StDev', cell: ({ stddevMs }) => digits(stddevMs) },
  M: { title: 'Jitter', cell: ({ jitterMs }) => digits(jitterMs) },
}

/** What stays where the terminal is narrow. */
const needed = 'LA'

export function columnsOf(order: string): Column[] {
  return [...order].map(letter => {
    return { title: columns[letter]!.title, align: 'right', spare: !needed.includes(letter) }
  })
}

/** Loss of the route is red, that of one router is dim. */
export function cellsOf(order: string, hop: HopStatistics, color: Terminal['color']): string[] {
  return [...order].map(letter => {
    const text = columns[letter]!.cell(hop)
    if (letter !== 'L' || !hop.lossRatio) return text
    return hop.lossContinues ? color.red(text) : color.dim(text)
  })
}
