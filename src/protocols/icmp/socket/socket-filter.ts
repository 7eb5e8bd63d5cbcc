import { endianness } from 'node:os'
import { addon } from '../../../binding/addon.js'
import { systemError } from '../../../errors.js'
import { setOption } from '../../../sockets/options.js'
import { typeOf } from '../packet/message-types.js'

const littleEndian = endianness() === 'LE'

/** Classic BPF (linux/filter.h): code, jump if true, jump if false, k. */
type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, k: number]

const loadHeaderLength: Instruction = [0xb1, 0, 0, 0]
const loadHalfAfterHeader = (at: number): Instruction => [0x48, 0, 0, at]
const loadHalf = (at: number): Instruction => [0x28, 0, 0, at]
const loadByteAfterHeader = (at: number): Instruction => [0x50, 0, 0, at]
const loadByte = (at: number): Instruction => [0x30, 0, 0, at]
const ifEqual = (value: number, otherwise = 1): Instruction => [0x15, 0, otherwise, value]
const ifAnyBit = (bits: number): Instruction => [0x45, 0, 1, bits]
const accept: Instruction = [0x06, 0, 0, 0xffff_ffff]
const drop: Instruction = [0x06, 0, 0, 0]

function assemble(program: readonly Instruction[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * program.length))
  for (const [index, [code, jumpTrue, jumpFalse, k]] of program.entries()) {
    view.setUint16(8 * index, code, littleEndian)
    view.setUint8(8 * index + 2, jumpTrue)
    view.setUint8(8 * index + 3, jumpFalse)
    view.setUint32(8 * index + 4, k, littleEndian)
  }
  return new Uint8Array(view.buffer)
}

/** Wakes a raw socket only for echo replies to this identifier. Errors bypass filters through the error queue. */
export function filterReplies(fd: number, family: 4 | 6, identifier: number): void {
  if (family === 4) setOption(fd, 'ICMP_FILTER', ~(1 << typeOf[4]['echo-reply']))
  else setOption(fd, 'ICMP6_FILTER', blockAllBut(typeOf[6]['echo-reply']))
  // Raw IPv4 sockets see the IP header, raw IPv6 sockets don't.
  const load = family === 4 ? [loadHeaderLength, loadHalfAfterHeader(4)] : [loadHalf(4)]
  attach(fd, [...load, ifEqual(identifier), accept, drop])
}

/** Lets through only TCP segments that reset a connection with this remote port. */
export function filterResets(fd: number, family: 4 | 6, port: number): void {
  const reset = 4
  const isFromPort = family === 4 ? [loadHeaderLength, loadHalfAfterHeader(0)] : [loadHalf(0)]
  const flags = family === 4 ? loadByteAfterHeader(13) : loadByte(13)
  attach(fd, [...isFromPort, ifEqual(port, 3), flags, ifAnyBit(reset), accept, drop])
}

function attach(fd: number, program: readonly Instruction[]): void {
  const errno = addon().attachFilter(fd, assemble(program))
  if (errno < 0) throw systemError(errno, 'setsockopt(SO_ATTACH_FILTER)')
}

/** `struct icmp6_filter` (RFC 3542): one bit for each blocked type. */
function blockAllBut(type: number): Uint8Array {
  const blocked = new Uint32Array(8).fill(0xffff_ffff)
  blocked[type >> 5]! &= ~(1 << (type & 31))
  return new Uint8Array(blocked.buffer)
}
