/**
 * Runs a callback of the program. What it throws is the program's, as of any event emitter, but the caller goes on: others may
 * wait for the same.
 */
export function isolated(callback: () => void): void {
  try {
    callback()
  } catch (error) {
    process.nextTick(() => {
      throw error
    })
  }
}
