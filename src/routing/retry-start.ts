import { constants } from 'node:os'

const { EAGAIN, EINTR, ENOBUFS, ENOMEM } = constants.errno
/** Errors of a machine that lacks memory for a moment. */
const passing = [EAGAIN, EINTR, ENOBUFS, ENOMEM]
const attempts = 5
/** Milliseconds between two. */
const pause = 100

/** Tries again what fails for a moment. A monitor that starts on a busy machine would have no routes otherwise. */
export async function retryStart(start: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start()
    } catch (error) {
      const { errno } = error as NodeJS.ErrnoException
      if (attempt === attempts || errno === undefined || !passing.includes(-errno)) throw error
      await new Promise(resolve => setTimeout(resolve, pause))
    }
  }
}
