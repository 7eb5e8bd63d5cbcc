import { onTestFinished, TestRunner } from 'vitest'

type Cleanup = () => unknown

const cleanups: Cleanup[] = []

/**
 * Registers a cleanup. Cleanups run in reverse order at the end of the test, before its next try, or at the end of the file if you
 * register them outside a test.
 */
export function atEnd(cleanup: Cleanup): void {
  if (TestRunner.getCurrentTest()) onTestFinished(async () => void (await cleanup()))
  else cleanups.push(cleanup)
}

export async function cleanUp(): Promise<void> {
  for (let cleanup = cleanups.pop(); cleanup; cleanup = cleanups.pop()) await cleanup()
}
