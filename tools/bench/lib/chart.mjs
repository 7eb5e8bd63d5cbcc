// Bar charts as SVG: one bar per contestant, with a whisker from the minimum to the maximum of the rounds. Readable on light and
// dark backgrounds.
import { format } from './table.mjs'

const row = 30
const left = 290
const width = 860
const room = width - left - 130

const style = `
  text { font: 14px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 16px } .note { font-size: 12px; fill: #59636e }
  .limit { fill: #8c959f } .netvia { fill: #0969da } .baseline { fill: #8c959f } .peer { fill: #b6bec6 }
  .whisker { stroke: #1f2328; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .note { fill: #9198a1 } .whisker { stroke: #f0f6fc }
    .limit, .baseline { fill: #7d8590 } .netvia { fill: #4493f8 } .peer { fill: #484f58 }
  }`

const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escapeText = text => text.replace(/[&<>"]/g, character => escapes[character])

/** `bars`: `{ name, role, median, min, max }`. `note` says whether more or less is better. */
export function barChart({ title, note, unit, bars }) {
  const most = Math.max(...bars.map(bar => bar.max))
  const x = value => left + (most > 0 ? (value / most) * room : 0)
  const height = 62 + bars.length * row
  const drawn = bars.map(({ name, role, median, min, max }, index) => {
    const y = 56 + index * row
    const middle = y + 10
    return [
      `<text x="${left - 10}" y="${y + 15}" text-anchor="end">${escapeText(name)}</text>`,
      `<rect class="${role}" x="${left}" y="${y}" width="${Math.max(1, x(median) - left).toFixed(1)}" height="20" rx="2"/>`,
      `<line class="whisker" x1="${x(min).toFixed(1)}" x2="${x(max).toFixed(1)}" y1="${middle}" y2="${middle}"/>`,
      `<text x="${(x(max) + 8).toFixed(1)}" y="${y + 15}">${escapeText(format(median, unit))}</text>`,
    ].join('\n  ')
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
  <title>${escapeText(title)}</title>
  <style>${style}
  </style>
  <text class="title" x="10" y="24">${escapeText(title)}</text>
  <text class="note" x="10" y="44">${escapeText(note)}</text>
  ${drawn.join('\n  ')}
</svg>
`
}
