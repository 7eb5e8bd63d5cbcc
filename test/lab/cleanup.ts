type Cleanup = () => unknown

const cleanups: Cleanup[] = []

/** Runs at the end of the test file, last in first out. */
export function atEnd(cleanup: Cleanup): void {
  cleanups.push(cleanup)
}

export async function cleanUp(): Promise<void> {
  for (let cleanup = cleanups.pop(); cleanup; cleanup = cleanups.pop()) await cleanup()
}
