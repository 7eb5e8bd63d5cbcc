const blocks = '▁▂▃▄▅▆▇█'

/** Draws values as blocks, the highest as a full one. Lost answers are ×, unknown values gaps. */
export function sparkline(values: readonly (number | null)[], lost: readonly boolean[]): string {
  const highest = Math.max(0, ...values.filter(value => value !== null))
  return values
    .map((value, index) => {
      if (lost[index]) return '×'
      if (value === null) return ' '
      return blocks[highest === 0 ? 0 : Math.min(blocks.length - 1, Math.floor((value / highest) * blocks.length))]
    })
    .join('')
}
