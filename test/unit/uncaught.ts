import { onTestFinished } from 'vitest'

/** Collects uncaught exceptions until the end of the test. */
export function uncaught(): unknown[] {
  const thrown: unknown[] = []
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', error => thrown.push(error))
  onTestFinished(() => {
    process.removeAllListeners('uncaughtException')
    for (const other of others) process.on('uncaughtException', other)
  })
  return thrown
}
