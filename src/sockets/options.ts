import { addon } from '../binding/addon.js'
import { systemError } from '../errors.js'

function levelAndName(option: string): readonly [number, number] {
  const found = addon().options[option]
  if (!found) throw new TypeError(`no socket option ${option}`)
  return found
}

/** setsockopt(2) by the option's name, such as `SO_MARK`. 0 or a negative errno. */
export function trySetOption(fd: number, option: string, value: number | string | Uint8Array): number {
  const [level, name] = levelAndName(option)
  return addon().setOption(fd, level, name, typeof value === 'number' ? bytesOf(value) : Buffer.from(value))
}

export function setOption(fd: number, option: string, value: number | string | Uint8Array, device?: string): void {
  const errno = trySetOption(fd, option, value)
  if (errno < 0) throw systemError(errno, `setsockopt(${option})`, { device })
}

/** One `int`, used again for each: the order of its bytes is the machine's. */
const int = new Int32Array(1)
const intBytes = new Uint8Array(int.buffer)

/** getsockopt(2) of an `int`. */
export function getOption(fd: number, option: string): number {
  readOption(fd, option, intBytes)
  return int[0]!
}

export function getOptionBytes(fd: number, option: string, size: number): Uint8Array {
  const out = new Uint8Array(size)
  return out.subarray(0, readOption(fd, option, out))
}

/** getsockopt(2) into `out`: the length of what it has written. */
export function readOption(fd: number, option: string, out: Uint8Array): number {
  const length = tryReadOption(fd, option, out)
  if (length < 0) throw systemError(length, `getsockopt(${option})`)
  return length
}

/** The same, with a negative errno for a failure. */
export function tryReadOption(fd: number, option: string, out: Uint8Array): number {
  const [level, name] = levelAndName(option)
  return addon().getOption(fd, level, name, out)
}

function bytesOf(value: number): Uint8Array {
  int[0] = value
  return intBytes
}
