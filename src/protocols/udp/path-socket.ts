import type { Socket } from 'node:dgram'
import type { LookupOneOptions } from 'node:dns'
import { addon } from '../../binding/addon.js'
import { isIP, nodeDgram } from '../../builtins.js'
import { systemError } from '../../errors.js'
import type { PathOptions } from '../../options.js'
import { encodeAddress } from '../../sockets/address.js'
import { checkZone } from '../../sockets/off-path.js'
import { bindToDevice, verifyDevice } from '../../sockets/open.js'
import { refuseThisHost } from '../../system/this-host.js'
import { type CreateLookupOptions, createLookup } from '../dns/lookup.js'
import { keepMembershipsOn } from './membership.js'

type Callback = (error: Error | null, address: string, family: number) => void

/** A `dgram.Socket` that resolves names over the path, until it is closed. */
export function createPathSocket(family: 4 | 6, path: CreateLookupOptions & PathOptions): Socket {
  const controller = new AbortController()
  const { signal } = controller
  const ask = createLookup({ ...path, signal })
  const lookup = (name: string, given: LookupOneOptions | number, callback: Callback) => {
    // A closed socket reports nothing more, as with Node's own look-up.
    const answer: Callback = (error, address, family) => {
      if (!signal.aborted) callback(error ?? targetError(address, path.device), address, family)
    }
    const literal = isIP(name)
    if (literal) process.nextTick(answer, null, name, literal)
    else ask(name, given as number, answer)
  }
  const socket = nodeDgram().createSocket({ type: family === 4 ? 'udp4' : 'udp6', lookup })
  return socket.once('close', () => controller.abort())
}

/** A zone in the address passed to sendmsg(2) overrides the device that the socket is bound to. An address of this machine may, too. */
function targetError(address: string, device: string | undefined): Error | null {
  try {
    checkZone(address, device)
    refuseThisHost(encodeAddress(address), device)
    return null
  } catch (error) {
    return error as Error
  }
}

/** Makes the methods of a bound socket stay on its device. */
export function keepOnDevice(device: string, socket: Socket, fd: number, family: 4 | 6): void {
  keepMembershipsOn(device, socket, fd, family)
  const send = socket.send.bind(socket) as (...given: unknown[]) => void
  socket.send = (...given: unknown[]) => {
    try {
      // Another device may have the index of this one by now.
      verifyDevice(fd, device)
    } catch (error) {
      // Throws once the socket is closed, because the descriptor's number may belong to something else then.
      socket.address()
      const callback = given.at(-1)
      process.nextTick(() => (typeof callback === 'function' ? callback(error) : socket.emit('error', error as Error)))
      return
    }
    send(...given)
  }
  const disconnect = socket.disconnect.bind(socket)
  socket.disconnect = () => {
    socket.address()
    filter(fd, nothing)
    try {
      disconnect()
    } finally {
      bindAgain(device, socket, fd)
    }
  }
}

/** Disconnecting a socket (connect(2) with AF_UNSPEC) also unbinds it from its device. */
function bindAgain(device: string, socket: Socket, fd: number): void {
  try {
    bindToDevice(fd, device)
    filter(fd, everything)
  } catch (error) {
    socket.close()
    throw error
  }
}

/** Classic BPF (linux/filter.h) with one instruction, `ret k`: how much of a packet to keep. */
const nothing = 0
const everything = 0xffff_ffff

function filter(fd: number, k: number): void {
  const program = new Uint8Array(8)
  new Uint16Array(program.buffer)[0] = 0x06
  new Uint32Array(program.buffer)[1] = k
  const errno = addon().attachFilter(fd, program)
  if (errno < 0) throw systemError(errno, 'setsockopt(SO_ATTACH_FILTER)')
}
