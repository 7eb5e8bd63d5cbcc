import { addon } from '../binding/addon.js'
import { systemError } from '../errors.js'

/** The numbers of a socket option on this architecture. */
export function optionNumbers(option: string): readonly [number, number] {
  const found = addon().options[option]
  if (!found) throw new TypeError(`no socket option ${option}`)
  return found
}

/** setsockopt(2) by option name, such as `SO_MARK`. Returns 0 or a negative errno. */
export function trySetOption(fd: number, option: string, value: number | string | Uint8Array): number {
  const [level, name] = optionNumbers(option)
  return addon().setOption(fd, level, name, bytesOf(value))
}

export function setOption(fd: number, option: string, value: number | string | Uint8Array, device?: string): void {
  const errno = trySetOption(fd, option, value)
  if (errno < 0) throw systemError(errno, `setsockopt(${option})`, { device })
}

/** One reused `int`, in the machine's byte order. */
const int = new Int32Array(1)
const intBytes = new Uint8Array(int.buffer)

/** getsockopt(2) for an `int`. */
export function getOption(fd: number, option: string): number {
  readOption(fd, option, intBytes)
  return int[0]!
}

/** The same; undefined where the kernel lacks the option. */
export function tryGetOption(fd: number, option: string): number | undefined {
  return tryReadOption(fd, option, intBytes) < 0 ? undefined : int[0]
}

export function getOptionBytes(fd: number, option: string, size: number): Uint8Array {
  const out = new Uint8Array(size)
  return out.subarray(0, readOption(fd, option, out))
}

/** getsockopt(2) into `out`. Returns the number of bytes written. */
function readOption(fd: number, option: string, out: Uint8Array): number {
  const length = tryReadOption(fd, option, out)
  if (length < 0) throw systemError(length, `getsockopt(${option})`)
  return length
}

/** SO_MEMINFO of asm-generic/socket.h, and within its result SK_MEMINFO_WMEM_ALLOC of linux/sock_diag.h. */
const memoryOption = 55
const heldIndex = 2
const memory = new Uint32Array(9)
const memoryBytes = new Uint8Array(memory.buffer)

/** Bytes sent that the kernel still holds, waiting for a neighbour or in a device queue. Undefined before Linux 4.12. */
export function heldBytes(fd: number): number | undefined {
  const [socketLevel] = optionNumbers('SO_TYPE')
  return addon().getOption(fd, socketLevel, memoryOption, memoryBytes) < 0 ? undefined : memory[heldIndex]
}

/** Like `readOption`, but returns a negative errno on failure. */
export function tryReadOption(fd: number, option: string, out: Uint8Array): number {
  const [level, name] = optionNumbers(option)
  return addon().getOption(fd, level, name, out)
}

function bytesOf(value: number | string | Uint8Array): Uint8Array {
  if (typeof value !== 'number') return typeof value === 'string' ? Buffer.from(value) : value
  int[0] = value
  return intBytes
}
