import { Exit, exitOf } from './exit-code.js'
import type { Path } from './path-options.js'
import type { Session } from './session.js'

/**
 * Does `work` over all paths at the same time, and returns the exit code of each. An error of one path does not end the others.
 * A usage error ends all of them.
 */
export async function onEachPath<Line extends { path: Path }>(
  { output, signal }: Session,
  lines: readonly Line[],
  work: (line: Line) => Promise<Exit>,
): Promise<Exit[]> {
  return Promise.all(
    lines.map(async line => {
      try {
        return await work(line)
      } catch (error) {
        if (signal.aborted || exitOf(error) === Exit.usage) throw error
        output.object('error', { ...line.path.label, error })
        output.note(`${lines.length > 1 ? `${line.path.name}: ` : 'netvia: '}${(error as Error).message}`)
        return exitOf(error)
      }
    }),
  )
}
