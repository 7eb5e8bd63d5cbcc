// Writes results between the marks of docs/performance/results.md and docs/scale.md, and saves charts and figures next to them.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { chart, markdown } from './report.mjs'

const docs = fileURLToPath(new URL('../../../docs/', import.meta.url))
const file = `${docs}performance/results.json`
const [begin, end] = ['<!-- bench: begin -->', '<!-- bench: end -->']

/** Workloads that weren't run keep their published results. */
export function publish(machine, results) {
  mkdirSync(`${docs}performance`, { recursive: true })
  const published = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
  for (const [name, { perRound, ...result }] of Object.entries(results)) published[name] = { machine, ...result }
  writeFileSync(file, `${JSON.stringify(published, null, 2)}\n`)
  const pages = { 'performance/results.md': [], 'scale.md': [] }
  for (const [name, result] of Object.entries(published)) {
    const picture = chart(result)
    if (picture) writeFileSync(`${docs}performance/${name}.svg`, picture)
    const { cpu, kernel, node, version, date } = result.machine
    const where = `netvia ${version}, ${date}, ${cpu}, Linux ${kernel}, Node ${node}; ${result.rounds} rounds.`
    const [page, charts] = name === 'scale' ? ['scale.md', 'performance/'] : ['performance/results.md', '']
    pages[page].push(`${markdown(result, picture && `${charts}${name}.svg`)}\n\n${where}`)
  }
  for (const [page, parts] of Object.entries(pages)) {
    if (parts.length === 0) continue
    writeFileSync(docs + page, replaceBetween(readFileSync(docs + page, 'utf8'), `\n${parts.join('\n\n')}\n`))
  }
}

export function replaceBetween(text, middle) {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${begin} … ${end} was not found`)
  return `${text.slice(0, from + begin.length)}\n${middle}\n${text.slice(to)}`
}
