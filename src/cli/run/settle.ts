import { Exit, exitOf } from '../exit-code.js'
import type { Path } from '../path-options.js'
import type { Session } from '../session.js'

/**
 * Does `work` over every path at once, and gives the exit code of each. A fault of one path does not end the others; bad usage is
 * the same for all, and ends all.
 */
export async function settle(
  { output, signal }: Session,
  paths: readonly Path[],
  work: (path: Path) => Promise<Exit>,
): Promise<Exit[]> {
  return Promise.all(
    paths.map(async path => {
      try {
        return await work(path)
      } catch (error) {
        if (signal.aborted || exitOf(error) === Exit.usage) throw error
        output.object('error', { ...path.label, error })
        output.note(`${paths.length > 1 ? `${path.name}: ` : 'netvia: '}${(error as Error).message}`)
        return exitOf(error)
      }
    }),
  )
}
