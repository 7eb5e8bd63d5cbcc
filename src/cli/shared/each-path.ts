import { Exit, exitOf } from './exit-code.js'
import type { Path } from './path-options.js'
import type { Session } from './session.js'

/**
 * Does `work` for every line at once, each over its own path, and gives the exit code of each. A fault of one path does not end the others; bad usage is
 * the same for all, and ends all.
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
