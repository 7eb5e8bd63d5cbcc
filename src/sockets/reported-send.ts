import { trySetOption } from './options.js'
import type { SendBatch } from './send-batch.js'

/** The kernel says only with IP_RECVERR that the queue of a device was full and it dropped the packet (ip(7)). */
export function sendReported(fd: number, family: 4 | 6, batch: SendBatch): number {
  const option = family === 4 ? 'IP_RECVERR' : 'IPV6_RECVERR'
  trySetOption(fd, option, 1)
  const sent = batch.send(fd)
  // Otherwise, ICMP errors would come too, and anybody can forge one.
  trySetOption(fd, option, 0)
  return sent
}
