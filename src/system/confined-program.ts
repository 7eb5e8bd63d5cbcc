import { readdirSync, readFileSync } from 'node:fs'
import { constants, release } from 'node:os'
import { addon } from '../binding/addon.js'
import { hold } from '../binding/poller.js'
import { NetviaError, systemError } from '../errors.js'
import { decodeAddress } from '../sockets/address.js'
import { openDescriptor } from '../sockets/open.js'
import { tryReadOption } from '../sockets/options.js'
import { PacketSocket } from '../sockets/packet-socket.js'
import { cutConnections } from './cut-connections.js'

/** The numbers of `Refusal` in native/run/decision.h. */
const reasons = ['resolver', 'name-service', 'other-device', 'no-device', 'unreadable', 'no-uplink'] as const

/** A call of the program that failed, because it would not have kept to its device. */
export interface Refused {
  /**
   * `resolver`: a DNS question to this machine; `name-service`: nscd, systemd-resolved or Avahi by a local socket; `other-device`:
   * IP_PKTINFO or a zone of another device; `no-device`: the device is gone; `unreadable`: the kernel doesn't show the process's memory;
   * `no-uplink`: there is no device to choose.
   */
  readonly reason: (typeof reasons)[number]
  /** The name of the process; empty where the kernel hides that. */
  readonly program: string
  /** The address of the call, or the path of a local socket. */
  readonly address?: string
  /** The device of the socket. */
  readonly device?: string
}

export interface ConfinedProgram {
  readonly pid: number
  /** Resolves with the exit code, or with 256 plus the number of the signal that killed it. */
  readonly ended: Promise<number>
  /** Its next sockets use these devices, one after another; with none they fail with ENETDOWN. Open sockets keep theirs. */
  use(devices: readonly string[]): void
  /**
   * Resets the TCP connections that it opened through the device, and those through devices that are gone. Returns how many. Those
   * of processes that this one may not trace stay.
   */
  cut(device: string): number
}

/**
 * Starts a program whose internet sockets are bound to the devices, one after another, with the standard streams of this process.
 *
 * @throws NetviaError `ENOENT` or `EACCES` of execvp(3); `ERR_UNSUPPORTED_PLATFORM` before Linux 5.14;
 * `ERR_INHERITED_SOCKET`.
 */
export function startConfined(
  words: readonly string[],
  devices: readonly string[],
  resolvers: boolean,
  onRefused: (refused: Refused) => void,
): ConfinedProgram {
  checkKernel()
  checkInherited()
  const pid = addon().runProgram(bytesOf(words), namesOf(devices), resolvers)
  if (pid < 0) throw systemError(pid, words[0]!, { hint: pid === -constants.errno.EPERM ? forbidden : undefined })
  const reports = followReports(onRefused)
  return {
    pid,
    ended: endOf(pid).finally(reports),
    use(devices) {
      const error = addon().programDevices(namesOf(devices))
      if (error < 0) throw systemError(error, 'malloc')
    },
    cut: cutConnections,
  }
}

/** execve(2) hardly ever fails so. */
const forbidden = 'a filter around netvia, of a container or a systemd unit, may forbid seccomp(2) or close_range(2)'

/** The words as this process got them, if they are its last: Node has replaced what is not UTF-8, as in old names of files. */
function bytesOf(words: readonly string[]): Buffer {
  const line = readFileSync('/proc/self/cmdline')
  const start = words.reduce(end => line.lastIndexOf(0, end - 2) + 1, line.length)
  const [given, known] = [line.subarray(start), Buffer.from(words.map(word => `${word}\0`).join(''))]
  return given.toString() === known.toString() ? given : known
}

/** IFNAMSIZ, and TASK_COMM_LEN. */
const nameSize = 16

function namesOf(devices: readonly string[]): Buffer {
  const names = Buffer.alloc(devices.length * nameSize)
  for (const [index, device] of devices.entries()) names.write(device, index * nameSize)
  return names
}

/** @throws NetviaError `ENODEV`. */
export function requireDevice(device: string): void {
  addon().close(openDescriptor(4, 'datagram', 0, { device }))
}

function checkKernel(): void {
  const [major = 0, minor = 0] = release().split('.').map(Number)
  if (major > 5 || (major === 5 && minor >= 14)) return
  throw new NetviaError(`this needs Linux 5.14 or newer (SECCOMP_ADDFD_FLAG_SEND); this is ${release()}`, {
    code: 'ERR_UNSUPPORTED_PLATFORM',
  })
}

const O_CLOEXEC = 0o2000000
/** AF_UNIX, AF_NETLINK and AF_ALG: sockets that the filter lets the program open itself, because they send nothing through a device. */
const withoutDevice = [1, 16, 38]

/** A socket that the program would get from whoever started this process: it is bound to no device, and can't be exchanged. */
function checkInherited(): void {
  for (const fd of ownDescriptors()) {
    const domain = new Int32Array(1)
    if (tryReadOption(fd, 'SO_DOMAIN', new Uint8Array(domain.buffer)) < 0) continue
    if (withoutDevice.includes(domain[0]!) || (fd > 2 && isClosedOnExec(fd))) continue
    const hint = 'redirect it, as in </dev/null or | cat'
    throw new NetviaError(
      `descriptor ${fd} is a socket that the program would inherit, with a device of its own; ${hint}`,
      { code: 'ERR_INHERITED_SOCKET', hint },
    )
  }
}

function ownDescriptors(): number[] {
  try {
    return readdirSync('/proc/self/fd').map(Number)
  } catch (cause) {
    const hint = 'mount -t proc proc /proc'
    const message = `without /proc it is unknown which sockets the program would inherit; ${hint}`
    throw new NetviaError(message, { code: 'ERR_UNSUPPORTED_PLATFORM', hint, cause })
  }
}

function isClosedOnExec(fd: number): boolean {
  const [, flags] = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))!
  return (Number.parseInt(flags!, 8) & O_CLOEXEC) !== 0
}

/** Returns a function that ends it. */
function followReports(onRefused: (refused: Refused) => void): () => void {
  const socket = new PacketSocket(addon().programReports(), {
    readable() {
      while (!socket.closed && socket.receive(packet => onRefused(decode(packet.data))) > 0);
    },
  })
  return () => {
    // The last report may still be unread.
    while (socket.receive(packet => onRefused(decode(packet.data))) > 0);
    socket.close()
  }
}

function decode(payload: Uint8Array): Refused {
  const [reason = 0] = new Int32Array(payload.slice(0, 4).buffer)
  const program = textOf(payload.subarray(4, 4 + nameSize))
  const device = textOf(payload.subarray(4 + nameSize, 4 + 2 * nameSize))
  const bytes = payload.subarray(4 + 2 * nameSize)
  const address = decodeAddress(bytes)?.address ?? textOf(bytes.subarray(2))
  return { reason: reasons[reason]!, program, ...(address && { address }), ...(device && { device }) }
}

/** Up to the first zero. After its family, a struct sockaddr_un (unix(7)) has a path. */
function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return Buffer.from(bytes.subarray(0, end < 0 ? undefined : end)).toString()
}

function endOf(pid: number): Promise<number> {
  const handle = addon().programHandle(pid)
  if (handle < 0) throw systemError(handle, 'pidfd_open')
  const release = hold()
  return new Promise((resolve, reject) => {
    const socket = new PacketSocket(handle, {
      readable() {
        socket.close()
        release()
        const status = addon().programStatus(pid)
        if (status < 0) reject(systemError(status, 'waitpid'))
        else resolve(status)
      },
    })
  })
}
