import { constants, openSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { Socket } from 'node:net'
import { addAbortSignal } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { usageError } from './arguments.js'

/**
 * Reads what a command sends. It may be a pipe, such as `<(make-report)`, whose writer begins later: then it waits up to `patience` ms.
 * Waiting needs no thread, because Node can't end before a thread that opens a pipe.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` if the time is over; the signal's reason; the error of a file that can't be read.
 */
export async function readPipedFile(file: string, signal: AbortSignal, patience: number): Promise<Buffer> {
  const late = AbortSignal.timeout(patience)
  const ended = AbortSignal.any([signal, late])
  try {
    if (!statSync(file).isFIFO()) return await readFile(file, { signal: ended })
    const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
    return await buffer(addAbortSignal(ended, new Socket({ fd, readable: true, writable: false })))
  } catch (error) {
    signal.throwIfAborted()
    if (!late.aborted) throw error
    throw usageError(`${file}: it did not end within ${patience} ms; --timeout allows more`)
  }
}
