// The results of one workload as Markdown and as a chart.
import { barChart } from './chart.mjs'
import { format, range, table } from './table.mjs'

/** `result`: from `resultOf` in tools/bench/run.mjs. `picture`: the path of the chart. */
export function markdown(result, picture) {
  const parts = [`### ${result.title}`]
  const { columns, contestants, summaries } = result
  const rows = contestants
    .filter(({ name }) => summaries[name])
    .map(({ name }) => [name, ...columns.map(({ metric, unit }) => cell(summaries[name][metric], unit))])
  parts.push(table(['', ...columns.map(({ title }) => title)], rows))
  if (result.targets.length) {
    parts.push(
      table(
        ['target', 'of', 'wanted', 'measured', ''],
        result.targets.map(({ text, of, over, wanted, measured }) => [
          over ? `${text} (${over})` : text,
          of,
          wanted,
          measured ? range(measured) : '–',
          measured ? (measured.met ? 'met' : 'missed') : 'not measured',
        ]),
      ),
    )
  }
  if (picture) parts.push(`![${result.title}](${picture})`)
  const absent = Object.entries(result.absent).map(([name, reason]) => `- Not there: ${name}: ${reason}.`)
  const failures = result.failures.map(({ name, round, reason }) => `- Failed: ${name}, round ${round}: ${reason}`)
  if (absent.length + failures.length) parts.push([...absent, ...failures].join('\n'))
  return parts.join('\n\n')
}

const cell = (summary, unit) =>
  summary && summary.min !== summary.max ? range(summary, unit) : format(summary?.median, unit)

/** The line of an error output that names the error, or the last line. */
export function gist(reason) {
  const lines = reason.split('\n').filter(line => line.trim() && !/^Node\.js v/.test(line))
  return (lines.find(line => /Error\b.*: /.test(line)) ?? lines.at(-1) ?? '').trim().slice(0, 160)
}

/** The SVG chart of a workload, or undefined if nothing was measured. */
export function chart({ title, chart, contestants, summaries, rounds }) {
  const bars = contestants
    .filter(({ name }) => summaries[name]?.[chart?.metric])
    .map(({ name, role }) => ({ name, role, ...summaries[name][chart.metric] }))
  if (bars.length === 0) return undefined
  return barChart({ title, unit: chart.unit, note: `${chart.note}; median of ${rounds} rounds, least to most`, bars })
}
