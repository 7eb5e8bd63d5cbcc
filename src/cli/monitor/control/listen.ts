import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  unlinkSync,
} from 'node:fs'
import { connect, type Server } from 'node:net'
import { dirname } from 'node:path'
import { invalidArgument, NetviaError } from '../../../errors.js'
import { longestSocket } from '../../shared/monitor-socket.js'

/** O_PATH of open(2), which Node doesn't name. It opens a file without using it, and a link as itself. */
const asPath = 0o10000000 | constants.O_NOFOLLOW

/** Bytes of a path, so that the number of any process fits behind it. */
const longestPath = longestSocket - '.4194304'.length

/**
 * Listens at this path, for the monitor's own user and optionally a group. Replaces the file of a killed monitor, but not that of a
 * running one, nor a file that isn't a socket. Returns what removes the file, unless another has taken its place. The server's end
 * removes whatever has the name that it was bound by, so that is another name.
 *
 * @throws NetviaError `EADDRINUSE`; as system calls fail.
 */
export async function listenAt(server: Server, path: string, group: string | undefined): Promise<() => void> {
  if (Buffer.byteLength(path) > longestPath) {
    throw invalidArgument('--socket', path, `a path of up to ${longestPath} bytes`)
  }
  const gid = group === undefined ? undefined : groupId(group)
  const temporary = `${path}.${process.pid}`
  // A process of this number that was killed may have left one.
  rmSync(temporary, { force: true })
  await bind(server, temporary)
  try {
    if (gid !== undefined) share(temporary, gid)
    const own = lstatSync(temporary)
    await put(temporary, path)
    unlinkSync(temporary)
    return () => {
      const found = lstatSync(path, { throwIfNoEntry: false })
      if (found?.ino === own.ino && found.dev === own.dev) unlinkSync(path)
    }
  } catch (error) {
    server.close()
    throw error
  }
}

async function put(socket: string, path: string): Promise<void> {
  try {
    linkSync(socket, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    if (!lstatSync(path).isSocket()) throw inUse(path, 'a file that is no socket is in the way')
    if (await answers(path)) throw inUse(path, 'another monitor answers there')
    unlinkSync(path)
    linkSync(socket, path)
  }
}

/** Changes the file that was opened. Another user of its folder could have put a different file or a link in its place. */
function share(path: string, gid: number): void {
  const fd = openSync(path, asPath)
  try {
    const found = fstatSync(fd)
    const isOurs = found.isSocket() && found.uid === process.geteuid!() && found.nlink === 1
    if (!isOurs) throw inUse(path, 'another file has taken its place')
    chownSync(`/proc/self/fd/${fd}`, -1, gid)
    chmodSync(`/proc/self/fd/${fd}`, 0o660)
  } finally {
    closeSync(fd)
  }
}

/** Creates the folder if it can. */
export function makeFolderOf(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
}

/** No other user can connect, not even before the mode is set. */
async function bind(server: Server, path: string): Promise<void> {
  const before = process.umask(0o177)
  try {
    server.listen(path)
  } finally {
    process.umask(before)
  }
  await once(server, 'listening')
}

async function answers(path: string): Promise<boolean> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') return false
    throw error
  } finally {
    socket.destroy()
  }
}

function inUse(path: string, why: string): NetviaError {
  return new NetviaError(`${path}: ${why}`, { code: 'EADDRINUSE', syscall: 'bind', address: path })
}

/** The id of a group, given by number or by its name in /etc/group: Node can't ask the system's own name service. */
function groupId(group: string): number {
  if (/^\d+$/.test(group)) return Number(group)
  const entries = readFileSync('/etc/group', 'utf8').split('\n')
  const gid = entries.map(entry => entry.split(':')).find(([name]) => name === group)?.[2]
  if (gid === undefined) throw invalidArgument('--socket-group', group, 'a group of /etc/group, or its number')
  return Number(gid)
}
