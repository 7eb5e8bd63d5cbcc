import { Exit, exitOf, worst } from '../exit-code.js'
import type { Column } from '../output/table.js'
import type { Path } from '../path-options.js'
import type { Session } from '../session.js'

/** How one thing is measured over one path, and what its row shows. */
export interface Measurement<Result> {
  /** Heading of what is measured: url, name, host. */
  subject: string
  columns: readonly Column[]
  measure(target: string, path: Path): Promise<Result>
  /** One cell for each column. */
  cells(result: Result): string[]
  exit(result: Result): Exit
  /** What went wrong, for a line below the table. */
  trouble(result: Result): Error | undefined
}

interface Job<Result> {
  readonly target: string
  readonly path: Path
  result?: Result
  fault?: Error
}

/** Measures every target over every path, all at once, into one table: the uplinks side by side. */
export async function compare<Result extends object>(
  { output, signal }: Session,
  { json, quiet }: { json?: boolean; quiet?: boolean },
  targets: readonly string[],
  paths: readonly Path[],
  measurement: Measurement<Result>,
): Promise<Exit> {
  const { color } = output
  const jobs: Job<Result>[] = targets.flatMap(target => paths.map(path => ({ target, path })))
  const many = targets.length > 1
  const columns = [{ title: 'uplink' }, ...(many ? [{ title: measurement.subject }] : []), ...measurement.columns]
  const rows = () => jobs.map(job => [job.path.name, ...(many ? [job.target] : []), ...cells(job)])
  const cells = ({ result, fault }: Job<Result>) =>
    fault ? [color.red('failed')] : result ? measurement.cells(result) : [color.dim('…')]
  const work = async () => {
    await Promise.all(
      jobs.map(async job => {
        const where = { [measurement.subject]: job.target, ...job.path.label }
        try {
          job.result = await measurement.measure(job.target, job.path)
          output.object('result', { ...job.result, ...where })
        } catch (error) {
          if (signal.aborted) return
          if (exitOf(error) === Exit.usage) throw error
          job.fault = error as Error
          output.object('error', { ...where, error })
        }
      }),
    )
  }
  if (quiet && !json) await work()
  else await output.liveTable(columns, rows, work)
  for (const { path, target, result, fault } of jobs) {
    const error = fault ?? (result && measurement.trouble(result))
    if (!error || (quiet && !fault)) continue
    const text = `${color.red(path.name)}${many ? ` ${target}` : ''}: ${error.message}`
    if (fault) output.note(text)
    else output.line(text)
  }
  return worst(jobs.map(({ result, fault }) => (result ? measurement.exit(result) : fault ? exitOf(fault) : Exit.good)))
}
