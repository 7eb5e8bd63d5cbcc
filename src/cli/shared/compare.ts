import { Exit, exitOf, worst } from './exit-code.js'
import type { Cell } from './output/output.js'
import type { Column } from './output/table.js'
import type { Path } from './path-options.js'
import type { Session } from './session.js'

/** How one thing is measured over one path, and what its row shows. */
export interface Measurement<Result> {
  /** Heading of the column of targets: url, name or host. */
  subject: string
  /** How a target is shown. Default: as the user wrote it. */
  shown?(target: string): string
  columns: readonly Column[]
  measure(target: string, path: Path): Promise<Result>
  /** One cell for each column. */
  cells(result: Result): Cell[]
  /** How long it took; undefined if it failed. */
  tookMs(result: Result): number | undefined
  /** Lines to print as soon as a measurement ends, instead of the table. They are already escaped. */
  bare?(result: Result, target: string): string[]
  /** Further lines below the table. */
  details?(result: Result): string[]
  /** The error to print below the table. */
  trouble(result: Result): Error | undefined
  /** A readable form of the error, if its message isn't one. */
  explain?(error: Error, result: Result): string
  exit(error: Error): Exit
}

export interface CompareFlags {
  json?: boolean
  quiet?: boolean
  /** As in curl: only the table, drawn once. */
  silent?: boolean
  /** With `silent`: report errors anyway. */
  showError?: boolean
  count: number
}

interface Job<Result> {
  readonly target: string
  readonly path: Path
  readonly results: Result[]
  fault?: Error
}

/**
 * Measures every target over every path into one table, with the uplinks side by side. All run at the same time, `count` times. Of
 * several measurements the table shows the median.
 */
export async function compare<Result extends object>(
  { output, signal }: Session,
  { json, quiet, silent, showError, count }: CompareFlags,
  targets: readonly string[],
  paths: readonly Path[],
  measurement: Measurement<Result>,
): Promise<Exit> {
  const { color } = output
  const { subject, trouble, tookMs, bare, explain = error => error.message, shown = target => target } = measurement
  const jobs = targets.flatMap(target => paths.map((path): Job<Result> => ({ target, path, results: [] })))
  const named = targets.length > 1
  const columns = [
    { title: 'uplink' },
    ...(named ? [{ title: subject }] : []),
    ...(count > 1 ? [{ title: 'good', align: 'right' as const }] : []),
    ...measurement.columns,
  ]
  const row = (job: Job<Result>) => {
    const { results, fault, path, target } = job
    const good = results.filter(result => !trouble(result)).length
    const middle = middleOf(results, tookMs)
    return [
      path.name,
      ...(named ? [shown(target)] : []),
      ...(count > 1 ? [`${good}/${results.length}`] : []),
      ...(fault ? [color.red('failed')] : middle ? measurement.cells(middle) : [color.dim('…')]),
    ]
  }
  const once = async (job: Job<Result>) => {
    const where = { [subject]: shown(job.target), ...job.path.label }
    try {
      const result = await measurement.measure(job.target, job.path)
      job.results.push(result)
      output.object('result', { ...result, ...where })
      for (const line of bare?.(result, shown(job.target)) ?? [])
        output.text(paths.length > 1 ? `${job.path.name}: ${line}` : line)
    } catch (error) {
      if (signal.aborted || exitOf(error) === Exit.usage) throw error
      job.fault = error as Error
      output.object('error', { ...where, error })
    }
  }
  const all = async (job: Job<Result>) => {
    for (let i = 0; i < count && !job.fault && !signal.aborted; i++) await once(job)
  }
  const work = async () => {
    try {
      await Promise.all(jobs.map(all))
    } catch (error) {
      // After Ctrl-C the table shows the results so far.
      if (!signal.aborted) throw error
    }
  }
  if ((quiet && !json) || bare) await work()
  else await output.liveTable(columns, () => jobs.map(row), work, silent)

  const exits: Exit[] = []
  for (const { path, target, results, fault } of jobs) {
    const name = `${color.red(path.name)}${named ? ` ${shown(target)}` : ''}`
    if (fault) output.note(`${name}: ${fault.message}`)
    const troubles = results.flatMap(result => {
      const error = trouble(result)
      return error ? [{ error, result }] : []
    })
    const messages = new Set(troubles.map(({ error, result }) => explain(error, result)))
    const details = results.flatMap(result => measurement.details?.(result) ?? [])
    if (!quiet && !bare) for (const text of new Set(details)) output.line(`${name}: ${text}`)
    // Programs read bare lines as data, so errors go elsewhere.
    const say = (text: string) => (bare ? output.note(text) : output.line(text))
    if (!quiet && (!silent || showError)) for (const message of messages) say(`${name}: ${message}`)
    exits.push(...troubles.map(({ error }) => measurement.exit(error)), ...(fault ? [exitOf(fault)] : []))
  }
  return worst(exits)
}

/** The median by time. Failed measurements count as slowest. */
function middleOf<Result>(
  results: readonly Result[],
  tookMs: (result: Result) => number | undefined,
): Result | undefined {
  const time = (result: Result) => tookMs(result) ?? Number.POSITIVE_INFINITY
  const sorted = results.toSorted((a, b) => (time(a) < time(b) ? -1 : 1))
  return sorted[Math.floor((sorted.length - 1) / 2)]
}
