import { onTestFinished, TestRunner } from 'vitest'

type Cleanup = () => unknown

const cleanups: Cleanup[] = []

/**
 * Runs last in first out: at the end of the test that says so, so that neither its next try nor the next test finds what it left;
 * outside a test, at the end of the test (of the file, outside a test).
 */
export function atEnd(cleanup: Cleanup): void {
  if (TestRunner.getCurrentTest()) onTestFinished(async () => void (await cleanup()))
  else cleanups.push(cleanup)
}

export async function cleanUp(): Promise<void> {
  for (let cleanup = cleanups.pop(); cleanup; cleanup = cleanups.pop()) await cleanup()
}
