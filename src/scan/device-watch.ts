import { addon } from '../binding/addon.js'
import { verifyDevice } from '../sockets/open.js'
import { onDeviceChange } from '../system/netlink/changes.js'
import type { Scanner } from './scanner.js'

/**
 * Ends the scan when its device is deleted. Sockets bound to a deleted device receive no error, and all ports would look
 * filtered. Returns how to end the watch.
 */
export function endWithDevice(device: string, scanner: () => Scanner | undefined): () => void {
  const index = addon().deviceIndex(device)
  return onDeviceChange(change => {
    const concerns = change.type === 'overrun' || (change.type === 'link' && change.index === index)
    const fd = scanner()?.descriptor
    if (!concerns || fd === undefined) return
    try {
      verifyDevice(fd, device)
    } catch (error) {
      scanner()!.stop(error)
    }
  })
}
