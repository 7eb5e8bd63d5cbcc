import { type LinkState, onDeviceChange } from './netlink/changes.js'

const isWorking = (link: LinkState | undefined) => link?.up === true && link.running

/**
 * Reports that a device is available again. `link`: it was created, switched on, or its cable plugged in. `address`: it got an
 * address or a route, or netlink lost messages. Returns a function that ends the watch, which doesn't keep the event loop
 * alive. Reports nothing if netlink is refused.
 */
export function onDeviceReturn(device: string, callback: (what: 'link' | 'address') => void): () => void {
  try {
    return onDeviceChange(change => {
      if (change.type === 'overrun') callback('address')
      else if (change.type === 'rule' || change.device !== device) return
      else if (change.type !== 'link') change.change === 'added' && callback('address')
      else if (change.change !== 'removed' && isWorking(change.link) && !isWorking(change.previous)) callback('link')
    })
  } catch {
    return () => {}
  }
}
