import { Exit, exitOf, worst } from './exit-code.js'
import type { Cell } from './output/output.js'
import type { Column } from './output/table.js'
import type { Path } from './path-options.js'
import type { Session } from './session.js'

/** How one thing is measured over one path, and what its row shows. */
export interface Measurement<Result> {
  /** Heading of what is measured: url, name, host. */
  subject: string
  /** How a target is named in what is printed. Default: as it was given. */
  shown?(target: string): string
  columns: readonly Column[]
  measure(target: string, path: Path): Promise<Result>
  /** One cell for each column. */
  cells(result: Result): Cell[]
  /** What it took; undefined where it came to nothing. */
  tookMs(result: Result): number | undefined
  /** Printed as soon as a measurement ends, instead of the table. It has gone through `escapeControls`. */
  bare?(result: Result, target: string): string[]
  /** Further lines below the table. */
  details?(result: Result): string[]
  /** What went wrong, for a line below the table. */
  trouble(result: Result): Error | undefined
  /** The same in words, where the message is not. */
  explain?(error: Error, result: Result): string
  exit(error: Error): Exit
}

export interface CompareFlags {
  json?: boolean
  quiet?: boolean
  /** As in curl: the table alone, drawn once. */
  silent?: boolean
  /** With `silent`: what went wrong nevertheless. */
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
 * Measures every target over every path into one table: the uplinks side by side. All at once, `count` times one after another; of
 * several times the middle one is shown.
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
      // At Ctrl-C what is known is shown.
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
    // Whoever takes bare lines takes them for data.
    const say = (text: string) => (bare ? output.note(text) : output.line(text))
    if (!quiet && (!silent || showError)) for (const message of messages) say(`${name}: ${message}`)
    exits.push(...troubles.map(({ error }) => measurement.exit(error)), ...(fault ? [exitOf(fault)] : []))
  }
  return worst(exits)
}

/** The one whose time has as many before as after it; what came to nothing counts as slowest. */
function middleOf<Result>(
  results: readonly Result[],
  tookMs: (result: Result) => number | undefined,
): Result | undefined {
  const time = (result: Result) => tookMs(result) ?? Number.POSITIVE_INFINITY
  const sorted = results.toSorted((a, b) => (time(a) < time(b) ? -1 : 1))
  return sorted[Math.floor((sorted.length - 1) / 2)]
}
