import { constants } from 'node:os'
import { type NetviaError, systemError } from '../errors.js'

const { EADDRINUSE, EAGAIN } = constants.errno

/** The error of connect(2). EAGAIN means that no local port is free, which isn't the network's fault. */
export function connectError(errno: number, where: { address: string; port: number; device?: string }): NetviaError {
  if (errno !== -EAGAIN) return systemError(errno, 'connect', where)
  const hint = 'every local port is in use: "sysctl net.ipv4.ip_local_port_range" shows which there are'
  return systemError(-EADDRINUSE, 'connect', { ...where, hint })
}
