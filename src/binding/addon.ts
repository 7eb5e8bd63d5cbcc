import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NetviaError } from '../errors.js'

/**
 * What the native layer offers: descriptors, bytes and readiness, no protocol. Every call that can fail returns a
 * negative errno instead of throwing. Socket addresses are `struct sockaddr_*` bytes (src/sockets/address.ts).
 * All descriptors opened here are CLOEXEC and NONBLOCK, and closed with the environment unless detached.
 */
export interface Addon {
  /** Level and name of each socket option this kernel's headers know: they differ between architectures. */
  readonly options: Readonly<Record<string, readonly [level: number, name: number]>>
  /** Other numbers that differ between architectures or that would be magic in TypeScript. */
  readonly constants: Readonly<Record<string, number>>

  socket(family: number, type: number, protocol: number): number
  close(fd: number): number
  /** Another owner may take it from now on; until `detach`, it is closed with the environment only if nobody has. One at a time. */
  lend(fd: number): number
  /** Hands the descriptor to another owner: it is no longer closed with the environment. */
  detach(fd: number): number
  bind(fd: number, address: Uint8Array): number
  listen(fd: number, backlog: number): number
  /** 0, -EINPROGRESS or another negative errno. */
  connect(fd: number, address: Uint8Array): number
  /** Writes the local address into `address`, returns its length. */
  getsockname(fd: number, address: Uint8Array): number

  getOption(fd: number, level: number, name: number, out: Uint8Array): number
  setOption(fd: number, level: number, name: number, value: Uint8Array): number
  /** SO_ATTACH_FILTER with classic BPF instructions (8 bytes each, host order). */
  attachFilter(fd: number, program: Uint8Array): number

  /**
   * One sendmmsg(2) of `count` packets (64 at most). `table` holds 5 numbers a packet:
   * [payload offset, payload length, address offset, address length (0: connected), ttl or hop limit (-1: the socket's)],
   * offsets into `data`. Returns how many the kernel took, or the errno of the first.
   */
  send(fd: number, data: Uint8Array, table: Int32Array, count: number, flags: number): number
  /**
   * One recvmmsg(2) of up to `table.length / 16` packets, each into its own slot of `data` (`data.length` divided evenly):
   * 64 bytes of addresses (source at 0, offender of an error at 32), then the payload. See `Field` for the 16 numbers a packet.
   * Returns the number of packets, or a negative errno.
   */
  receive(fd: number, data: Uint8Array, table: Int32Array, flags: number): number

  /**
   * Watches once (EPOLLONESHOT). `token` comes back to the ready handler. Watching again re-arms.
   * A second thread only waits; the handler of `onReady` is called on this thread.
   */
  watch(fd: number, token: number, events: number): number
  unwatch(fd: number): number
  /**
   * Starts the thread; called once, before the first watch. `ready(count)` finds [token, events] times `count` in `pairs`
   * (room for 64 pairs). 0 or a negative errno.
   */
  onReady(ready: (count: number) => void, pairs: Int32Array): number
  /** Keeps the event loop alive, or lets it end. */
  keepAlive(yes: boolean): void

  /** Interface index of a name, or negative errno (if_nametoindex(3)). */
  deviceIndex(name: string): number
  /** Name of an index, or a negative errno. */
  deviceName(index: number): string | number
  /** Writes [seconds, nanoseconds] of CLOCK_REALTIME, then of CLOCK_MONOTONIC, read back to back; seconds are unsigned. */
  clocks(out: Int32Array): number
  /** getrandom(2): how many bytes of `out` were filled. */
  random(out: Uint8Array): number
}

/** The 16 numbers of a received packet. Times are seconds and nanoseconds of CLOCK_REALTIME; seconds are unsigned. */
export const Field = {
  size: 16,
  length: 0,
  addressLength: 1,
  /** msg_flags of recvmsg(2). */
  flags: 2,
  /** TTL or hop limit; -1 unknown. */
  ttl: 3,
  seconds: 4,
  /** -1: no timestamp. */
  nanoseconds: 5,
  /** Index of the device it came in by; 0 unknown. */
  device: 6,
  /** SO_RXQ_OVFL: packets dropped so far for a full receive buffer, unsigned. */
  drops: 7,
  /** Of an error queue entry, struct sock_extended_err; origin 0: none. */
  errorNumber: 8,
  errorOrigin: 9,
  errorType: 10,
  errorCode: 11,
  /** MTU, where the error tells one. */
  errorInfo: 12,
  /** Id of a transmit timestamp (SOF_TIMESTAMPING_OPT_ID), unsigned. */
  errorData: 13,
  offenderLength: 14,
  /** Type of service or traffic class; -1 unknown. */
  tos: 15,
} as const

/** The layout of batches, as the addon has it (its `constants`). */
export const Batch = {
  /** Packets of one `send` or `receive`. */
  packets: 64,
  /** Events of one report of `onReady`. */
  events: 64,
  /** Numbers of each packet in the table of `send`. */
  sendFields: 5,
} as const

/** Bytes of one address in a receive slot. */
export const addressRoom = 32
/** Bytes of addresses at the start of each receive slot: the source, and who reported an error. */
export const slotHeader = 2 * addressRoom

let loaded: Addon | undefined

/** The addon, loaded at the first call that needs it: importing netvia costs nothing and works anywhere. */
export function addon(): Addon {
  loaded ??= load()
  return loaded
}

function load(): Addon {
  if (process.platform !== 'linux') {
    throw new NetviaError(`netvia needs Linux; this is ${process.platform}`, { code: 'ERR_UNSUPPORTED_PLATFORM' })
  }
  // Not named require: the CommonJS build has one of its own in the place of import.meta.url.
  const requireHere = createRequire(import.meta.url)
  try {
    const nodeGypBuild = requireHere('node-gyp-build')
    const root = packageRoot(dirname(fileURLToPath(import.meta.url)))
    return loadOnce(nodeGypBuild.path(root), () => nodeGypBuild(root))
  } catch (cause) {
    const message = (cause as Error).message.trim().replaceAll(/\s+/g, ' ')
    throw new NetviaError(`no netvia addon loads on ${process.platform}-${process.arch}: ${message}`, {
      code: 'ERR_ADDON_NOT_FOUND',
      hint: `build it: npm install --no-save node-gyp node-addon-api && cd node_modules/netvia && echo "{'includes': ['native/addon.gypi']}" > binding.gyp && npx node-gyp rebuild`,
      cause,
    })
  }
}

const key = Symbol.for('netvia.addons')

/** An emptied require cache loads the module again, and would start another poller each time: the process keeps the first. */
function loadOnce(file: string, make: () => Addon): Addon {
  const holder = process as typeof process & { [key]?: Map<string, Addon> }
  holder[key] ??= new Map()
  const made = holder[key].get(file) ?? make()
  holder[key].set(file, made)
  return made
}

/** The sources and the published bundle lie at different depths: the package is the nearest folder up with a package.json. */
function packageRoot(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder
  const parent = dirname(folder)
  if (parent === folder) throw new Error('the package folder was not found')
  return packageRoot(parent)
}
