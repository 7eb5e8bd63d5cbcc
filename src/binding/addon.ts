import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NetviaError } from '../errors.js'

/**
 * The interface of the native layer: descriptors, bytes and readiness, no protocol. Calls that can fail return a negative errno
 * instead of throwing. Socket addresses are `struct sockaddr_*` bytes (src/sockets/address.ts). Every descriptor opened here is
 * CLOEXEC and NONBLOCK, and closes with the environment unless detached.
 */
export interface Addon {
  /** Level and name of each socket option that this kernel's headers define. They differ between architectures. */
  readonly options: Readonly<Record<string, readonly [level: number, name: number]>>
  /** Other numbers that differ between architectures or would be magic numbers in TypeScript. */
  readonly constants: Readonly<Record<string, number>>

  socket(family: number, type: number, protocol: number): number
  /**
   * Opens a descriptor on its path in one call, in this order: socket(2), SO_BINDTODEVICE, the binding read back, the options,
   * bind(2), connect(2). Empty bytes leave out a step. It ends with the first step that fails, so nothing is sent before the
   * binding has been read back.
   *
   * `plan` has the family, type and protocol, and four numbers for each option: level, name, value, and 1 if the kernel may
   * refuse it. `device` is a name with its final zero byte. Returns the descriptor, or the errno of socket(2). The first two
   * numbers of `plan` then are the `Step` that failed and its errno. A connection under way is `Step.connect` with
   * -EINPROGRESS. A binding that reads differently is `Step.readBack` with 0.
   */
  open(plan: Int32Array, device: Uint8Array, source: Uint8Array, target: Uint8Array): number
  close(fd: number): number
  /** Closes a TCP connection with a reset (SO_LINGER of 0 seconds). */
  reset(fd: number): number
  /**
   * Allows another owner to take the descriptor. Until `detach`, it closes with the environment unless that owner has taken it.
   * One at a time.
   */
  lend(fd: number): number
  /** Hands the descriptor to another owner: it is no longer closed with the environment. */
  detach(fd: number): number
  bind(fd: number, address: Uint8Array): number
  listen(fd: number, backlog: number): number
  /** Returns the descriptor of a connection, and writes the address of the other end into `address`; or a negative errno. */
  accept(fd: number, address: Uint8Array): number
  /** Returns 0, -EINPROGRESS or another negative errno. */
  connect(fd: number, address: Uint8Array): number
  /** Writes the local address into `address` and returns its length. */
  getsockname(fd: number, address: Uint8Array): number
  /** The same for the address of the other end. */
  getpeername(fd: number, address: Uint8Array): number

  getOption(fd: number, level: number, name: number, out: Uint8Array): number
  setOption(fd: number, level: number, name: number, value: Uint8Array): number
  /** SO_ATTACH_FILTER with classic BPF instructions (8 bytes each, host order). */
  attachFilter(fd: number, program: Uint8Array): number

  /**
   * One sendmmsg(2) of `count` packets (64 at most). `table` holds 8 numbers a packet:
   * [payload offset, payload length, address offset, address length (0: connected), ttl or hop limit (-1: the socket's), offset
   * and length of the source's address (0: the socket's), device index (0: the socket's)], offsets into `data`. An index of
   * another device takes IPv4 packets past SO_BINDTODEVICE. Returns how many the kernel took, or the errno of the first.
   */
  send(fd: number, data: Uint8Array, table: Int32Array, count: number, flags: number): number
  /**
   * One recvmmsg(2) of up to `table.length / 16` packets. Each gets its own slot of `data`, whose length is divided evenly. A
   * slot starts with 64 bytes of addresses (the source at 0, at 32 the offender of an error or the destination of a packet); the
   * payload follows. `Field`
   * names the 16 numbers per packet. Returns the number of packets, or a negative errno.
   */
  receive(fd: number, data: Uint8Array, table: Int32Array, flags: number): number
  /** Writes to a stream socket. Returns how many bytes the kernel took (1 at least), or a negative errno. */
  write(fd: number, data: Uint8Array): number
  /** Reads from a stream socket. Returns the number of bytes, 0 at the end of the stream, or a negative errno. */
  read(fd: number, data: Uint8Array): number

  /**
   * Watches once (EPOLLONESHOT); watching again re-arms. The ready handler receives `token`. A second thread does nothing but
   * wait: the `onReady` handler runs on this thread.
   */
  watch(fd: number, token: number, events: number): number
  unwatch(fd: number): number
  /**
   * Starts the thread. Call it once, before the first watch. `ready(count)` finds `count` pairs of [token, events] in `pairs`,
   * which has room for 64. Returns 0 or a negative errno.
   */
  onReady(ready: (count: number) => void, pairs: Int32Array): number
  /** Whether the watches keep the event loop alive. */
  keepAlive(yes: boolean): void

  /**
   * Starts a third thread, which relays between connected sockets, unless it runs. Returns a descriptor that is readable while
   * `relayEnded` has something to report and that closes with the environment, or a negative errno.
   */
  relayStart(): number
  /**
   * Moves bytes between two connected sockets. It takes descriptors that were opened here, and copies of others: close these.
   * `toClient` and `toUpstream` go first. It passes on the end of each side, and resets both sockets if one breaks, or is idle for
   * `idleTimeout` ms. Returns the tunnel's id, or a negative errno: then the descriptors are untouched.
   */
  relayOpen(client: number, upstream: number, toClient: Uint8Array, toUpstream: Uint8Array, idleTimeout: number): number
  /** Resets both sockets of a tunnel. `relayEnded` reports the end. */
  relayCut(id: number): number
  /** Writes how many bytes were read from the client and from upstream, each as its low and high 32 bits, unsigned. */
  relayCounts(id: number, out: Int32Array): number
  /**
   * Writes the tunnels that have ended, `tunnelEndFields` numbers each: id, error (0: both sides ended), and the counts of
   * `relayCounts`. Their ids may come again. Returns how many; fill the table again if that is all it has room for.
   */
  relayEnded(table: Int32Array): number

  /**
   * Starts a program whose internet sockets a thread of this process opens, bound to devices, until the environment ends
   * (`netvia run`). Each of its words ends with a zero byte. `devices` as for `programDevices`. `resolvers`: whether it may ask
   * name services of this machine. One program per environment. Returns its process id, or a negative errno; that of execvp(3)
   * if the program doesn't start.
   */
  runProgram(words: Uint8Array, devices: Uint8Array, resolvers: boolean): number
  /**
   * The devices of the sockets to come, one after another: names of 16 bytes each, filled up with zeros. With none, the program
   * gets ENETDOWN. Returns 0 or a negative errno.
   */
  programDevices(devices: Uint8Array): number
  /**
   * Resets the TCP connection of a process's descriptor, if a program of `runProgram` opened it through this device, whose name
   * ends with a zero byte, or through a device that is gone. Returns 1 if it did, 0 if it is none, or a negative errno.
   */
  programCut(device: Uint8Array, pid: number, fd: number): number
  /** Takes the descriptor on which refusals arrive, one a packet: reason, process id (32 bits each), a device in 16 bytes, and a socket address. */
  programReports(): number
  /** Opens a descriptor that becomes readable when the process ends (pidfd_open(2)). */
  programHandle(pid: number): number
  /** The exit code of a child that has ended, or 256 plus the number of the signal that killed it. */
  programStatus(pid: number): number
  /** Ends this process by a signal, whatever handles it. Leaves no core file. */
  endBySignal(signal: number): number

  /** Interface index of a name, or a negative errno (if_nametoindex(3)). */
  deviceIndex(name: string): number
  /** Name of an index, or a negative errno. */
  deviceName(index: number): string | number
  /** Writes [seconds, nanoseconds] of CLOCK_REALTIME, then of CLOCK_MONOTONIC, read at the same time; seconds are unsigned. */
  clocks(out: Int32Array): number
  /** Fills `out` with getrandom(2) and returns the number of bytes filled. */
  random(out: Uint8Array): number
  /** Starts a thread that ends immediately. Returns 0, or a negative errno if this process may not have another. */
  tryThread(): number
}

/** Where `open` ended. The first option is `option`, the second is the number after that, and so on. */
export const Step = { done: 0, device: 1, readBack: 2, bind: 3, connect: 4, option: 5 } as const

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
  /** -1 without a timestamp. */
  nanoseconds: 5,
  /** Index of the receiving device; 0 if unknown. */
  device: 6,
  /** SO_RXQ_OVFL: packets dropped so far because the receive buffer was full, unsigned. */
  drops: 7,
  /** Fields of an error queue entry, struct sock_extended_err. Origin 0 means none. */
  errorNumber: 8,
  errorOrigin: 9,
  errorType: 10,
  errorCode: 11,
  /** The MTU, if the error reports one. */
  errorInfo: 12,
  /** Id of a transmit timestamp (SOF_TIMESTAMPING_OPT_ID), unsigned. */
  errorData: 13,
  /** Length of the second address. */
  offenderLength: 14,
  /** Type of service or traffic class; -1 unknown. */
  tos: 15,
} as const

/** The layout of batches, read from the addon's `constants`. */
export const Batch = {
  /** Packets of one `send` or `receive`. */
  packets: 64,
  /** Events of one report of `onReady`. */
  events: 64,
  /** Numbers of each packet in the table of `send`. */
  sendFields: 8,
} as const

/** Numbers of each tunnel in the table of `relayEnded`. */
export const tunnelEndFields = 6

/** Bytes of one address in a receive slot. */
export const addressRoom = 32
/** Bytes of addresses at the start of each receive slot: the source, and the offender of an error or the destination. */
export const slotHeader = 2 * addressRoom

let loaded: Addon | undefined

/** The addon, loaded by the first call that needs it. Importing netvia therefore costs nothing and works on every platform. */
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
    const found = requireHere('node-gyp-build').path(packageRoot(dirname(fileURLToPath(import.meta.url))))
    // Beside a bundle, the addons of several packages lie in one folder, and it may have found another's.
    const file = join(dirname(found), 'netvia.node')
    return loadOnce(file, () => requireHere(file))
  } catch (cause) {
    const message = (cause as Error).message.trim().replaceAll(/\s+/g, ' ')
    throw new NetviaError(`no netvia addon loads on ${process.platform}-${process.arch}: ${message}`, {
      code: 'ERR_ADDON_NOT_FOUND',
      hint: loadHint(cause as NodeJS.ErrnoException),
      cause,
    })
  }
}

function loadHint({ code, message, resource }: NodeJS.ErrnoException & { resource?: string }): string {
  if (code === 'ERR_ACCESS_DENIED') return `start Node with --allow-fs-read=${resource}`
  if (code === 'ERR_DLOPEN_DISABLED')
    return 'start Node without --no-addons, and with --allow-addons if it has --permission'
  if (code === 'MODULE_NOT_FOUND')
    return 'put the prebuilds of netvia and node_modules/node-gyp-build beside the bundle, or leave netvia out of it'
  // In the words of glibc, then of musl.
  if (/failed to map segment|: Operation not permitted$/.test(message)) {
    return 'mount without noexec the file system that has the file, or install netvia on another one'
  }
  return `build it: npm install --no-save node-gyp node-addon-api && cd node_modules/netvia && echo "{'includes': ['native/addon.gypi']}" > binding.gyp && npx node-gyp rebuild`
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
