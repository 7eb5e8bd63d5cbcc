import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { monotonicNow } from '../../monotonic.js'
import { usageError } from './arguments.js'

/** In bytes: a configuration of 4 million characters. */
const longest = 1 << 24
/** In ms, between two looks at a pipe. */
const pause = 10

/**
 * Reads a file that the user named. It may be a device, which never ends, or a pipe that nobody writes to. So size and time are limited.
 * `patience`: how long to wait for a pipe such as `<(pass show router)`, in ms. It blocks the event loop.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` if it is too long or takes too long; the error of a file that can't be read.
 */
export function readNamedFile(file: string, patience = 1000): Buffer {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  try {
    const until = monotonicNow() + patience
    // Without a writer a pipe looks as if it had ended.
    const mayBegin = fstatSync(fd).isFIFO()
    const parts: Buffer[] = []
    const room = Buffer.alloc(65_536)
    let size = 0
    for (;;) {
      const length = readSome(fd, room)
      if (length === undefined || (length === 0 && size === 0 && mayBegin)) {
        if (monotonicNow() >= until) throw usageError(`${file}: nobody has written to it within ${patience} ms`)
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause)
        continue
      }
      if (length === 0) return Buffer.concat(parts)
      size += length
      if (size > longest) throw usageError(`${file}: longer than ${longest} bytes`)
      parts.push(Buffer.from(room.subarray(0, length)))
    }
  } finally {
    closeSync(fd)
  }
}

/**
 * As `readNamedFile`, for text: UTF-8, whose byte order mark is left out. Of another encoding, a password would lose characters
 * without a word.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` as well if it isn't UTF-8.
 */
export function readNamedText(file: string, patience?: number): string {
  const bytes = readNamedFile(file, patience)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw usageError(`${file}: not in UTF-8`)
  }
}

/** The bytes read; undefined if none have come yet. */
function readSome(fd: number, room: Buffer): number | undefined {
  try {
    return readSync(fd, room)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined
    throw error
  }
}
