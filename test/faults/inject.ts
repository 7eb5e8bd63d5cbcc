import { constants } from 'node:os'
import { type Addon, addon } from '../../src/binding/addon.js'

/** The additional functions of a build with NETVIA_FAULTS (native/faults.cc). */
interface FaultyAddon extends Addon {
  readonly faultCalls: readonly string[]
  setFaults(rows: Int32Array): void
  faultsLeft(rows: Int32Array): void
  callCounts(out: Int32Array): void
}

export interface Fault {
  /** The name of a system call, or of a C library function that can fail: `sendmmsg`, `setsockopt`, `malloc`. */
  call: string
  /** Only calls for this socket option, one of those that the addon knows: `SO_TIMESTAMPING`. */
  option?: string
  /** Only calls whose first numeric arguments are these: family, type and protocol of `socket`, the operation of `epoll_ctl`. */
  numbers?: readonly number[]
  /** The number of calls that succeed first. Default: 0. */
  skip?: number
  /** The number of calls that fail after that. Default: all. */
  times?: number
  /** The error, such as `ENOBUFS`. A `setsockopt` without an error succeeds but has no effect. */
  error?: string
  /** Instead of an error: the maximum number of packets in a batch. */
  limit?: number
}

const rowSize = 8
const forever = 0x7fff_ffff
const any = -1

function faulty(): FaultyAddon {
  const native = addon() as FaultyAddon
  if (!native.setFaults) throw new Error('not the build with faults: run "npm test -- faults"')
  return native
}

function row({ call, option, numbers, skip = 0, times = forever, error, limit = 1 }: Fault): number[] {
  const index = faulty().faultCalls.indexOf(call)
  const errno = error === undefined ? 0 : (constants.errno as Record<string, number>)[error]
  const keys = option === undefined ? (numbers ?? []) : addon().options[option]
  if (index < 0 || errno === undefined || !keys) throw new TypeError(`no such fault: ${call} ${option} ${error}`)
  return [index, keys[0] ?? any, keys[1] ?? any, keys[2] ?? any, skip, times, errno, limit]
}

/**
 * Makes these calls fail from now on, instead of those of an earlier `inject`. Returns a function that ends this, and returns how many
 * calls each fault has hit. With `using`, the faults end with the block.
 */
export function inject(...faults: Fault[]): (() => number[]) & Disposable {
  const rows = Int32Array.from(faults.flatMap(row))
  faulty().setFaults(rows)
  const end = () => {
    const left = new Int32Array(rows.length)
    faulty().faultsLeft(left)
    faulty().setFaults(new Int32Array())
    return faults.map((_, i) => rows[i * rowSize + 5]! - left[i * rowSize + 5]!)
  }
  return Object.assign(end, { [Symbol.dispose]: end })
}

/** The number of times that each call was made since the process started. */
export function callCounts(): Record<string, number> {
  const counts = new Int32Array(faulty().faultCalls.length)
  faulty().callCounts(counts)
  return Object.fromEntries(faulty().faultCalls.map((name, i) => [name, counts[i]!]))
}
