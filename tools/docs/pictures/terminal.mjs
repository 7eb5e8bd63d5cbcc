// Renders terminal text as an SVG image.

const [cell, line, margin] = [8.4, 19, 16]
const colors = { 31: '#ff7b72', 32: '#7ee787', 33: '#e3b341', 36: '#79c0ff' }
const end = { 22: ['weight', 'opacity'], 39: ['fill'], 0: ['weight', 'opacity', 'fill'] }

/** `text` may use the command's styles: bold, dim, and four foreground colours (ECMA-48 section 8.3.117). */
export function terminalImage(text) {
  const lines = text.trimEnd().split('\n').map(runsOf)
  const columns = Math.max(...lines.map(runs => runs.reduce((sum, { text }) => sum + text.length, 0)))
  const [width, height] = [Math.ceil(columns * cell + 2 * margin), lines.length * line + 2 * margin]
  const rows = lines.flatMap((runs, row) => {
    let column = 0
    return runs.flatMap(({ text, ...style }) => {
      const start = column
      column += text.length
      return [...text.matchAll(/\S+( \S+)*/g)].map(({ 0: words, index }) => {
        const x = (margin + (start + index) * cell).toFixed(1)
        const y = margin + (row + 0.75) * line
        return `<text x="${x}" y="${y}"${attributes(words, style)}>${escaped(words)}</text>`
      })
    })
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<title>${escaped(lines[0].map(({ text }) => text).join(''))}</title>
<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>
<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14" fill="#e6edf3">
${rows.join('\n')}
</g>
</svg>
`
}

/** Splits a line into runs of the same style. */
function runsOf(line) {
  const [first, ...rest] = line.split('\x1b[')
  const runs = [{ text: first }]
  let style = {}
  for (const piece of rest) {
    const [code] = piece.split('m', 1)
    style = changed(style, Number(code))
    runs.push({ text: piece.slice(code.length + 1), ...style })
  }
  return runs
}

function changed(style, code) {
  if (code === 1) return { ...style, weight: 'bold' }
  if (code === 2) return { ...style, opacity: 0.6 }
  if (colors[code]) return { ...style, fill: colors[code] }
  return Object.fromEntries(Object.entries(style).filter(([key]) => !end[code]?.includes(key)))
}

/** A fixed text length keeps columns aligned in every font. */
function attributes(text, { weight, opacity, fill }) {
  const all = { textLength: (text.length * cell).toFixed(1), 'font-weight': weight, opacity, fill }
  return Object.entries(all)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}="${value}"`)
    .join('')
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
