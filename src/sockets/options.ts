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

/** asm-generic/socket.h SO_MEMINFO, and of the numbers it gives SK_MEMINFO_WMEM_ALLOC (linux/sock_diag.h). */
const memoryOption = 55
const heldIndex = 2
const memory = new Uint32Array(9)
const memoryBytes = new Uint8Array(memory.buffer)

/** Bytes of what was sent that the kernel still holds, for a neighbour or in a device's queue. Undefined before Linux 4.12. */
export function heldBytes(fd: number): number | undefined {
  const [socketLevel] = levelAndName('SO_TYPE')
  return addon().getOption(fd, socketLevel, memoryOption, memoryBytes) < 0 ? undefined : memory[heldIndex]
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
