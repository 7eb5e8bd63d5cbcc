import { NetviaError } from '../errors.js'

/** One part of an inspection. What goes wrong there becomes its result, local errors too: the other parts still count. */
export async function part<T>(
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
  failed: (error: NetviaError) => T,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    signal?.throwIfAborted()
    // An error without a code is a bug in the program.
    if (!(error instanceof NetviaError)) throw error
    return failed(error)
  }
}

/** Like `Promise.all`, but waits for all even if one fails: they leave nothing open then. */
export async function allOf<T extends readonly unknown[]>(
  parts: readonly [...{ [Index in keyof T]: T[Index] | Promise<T[Index]> }],
): Promise<T> {
  const settled = await Promise.allSettled(parts)
  return settled.map(one => {
    if (one.status === 'rejected') throw one.reason
    return one.value
  }) as unknown as T
}
