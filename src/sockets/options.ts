import { endianness } from 'node:os'
import { addon } from '../binding/addon.js'
import { systemError } from '../errors.js'

const littleEndian = endianness() === 'LE'

function levelAndName(option: string): readonly [number, number] {
  const found = addon().options[option]
  if (!found) throw new TypeError(`no socket option ${option}`)
  return found
}

/** setsockopt(2) by the option's name, such as `SO_MARK`. 0 or a negative errno. */
export function trySetOption(fd: number, option: string, value: number | string | Uint8Array): number {
  const [level, name] = levelAndName(option)
  return addon().setOption(fd, level, name, typeof value === 'number' ? intBytes(value) : Buffer.from(value))
}

export function setOption(fd: number, option: string, value: number | string | Uint8Array, device?: string): void {
  const errno = trySetOption(fd, option, value)
  if (errno < 0) throw systemError(errno, `setsockopt(${option})`, { device })
}

/** getsockopt(2) of an `int`. */
export function getOption(fd: number, option: string): number {
  const bytes = getOptionBytes(fd, option, 4)
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getInt32(0, littleEndian)
}

export function getOptionBytes(fd: number, option: string, size: number): Uint8Array {
  const [level, name] = levelAndName(option)
  const out = new Uint8Array(size)
  const length = addon().getOption(fd, level, name, out)
  if (length < 0) throw systemError(length, `getsockopt(${option})`)
  return out.subarray(0, length)
}

function intBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value >>> 0, littleEndian)
  return bytes
}
