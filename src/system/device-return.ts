import { type LinkState, onDeviceChange } from './netlink/changes.js'

const isWorking = (link: LinkState | undefined) => link?.up === true && link.running

/**
 * Tells when a device is there again: `link` when it was made, switched on or its cable plugged in, `address` when it was
 * given an address or a route, or when netlink had more to tell than one could hold. Returns the end of it, which alone does
 * not keep the event loop alive. Silent where netlink is refused.
 */
export function onDeviceReturn(device: string, told: (what: 'link' | 'address') => void): () => void {
  try {
    return onDeviceChange(change => {
      if (change.type === 'overrun') told('address')
      else if (change.type === 'rule' || change.device !== device) return
      else if (change.type !== 'link') change.change === 'added' && told('address')
      else if (change.change !== 'removed' && isWorking(change.link) && !isWorking(change.previous)) told('link')
    })
  } catch {
    return () => {}
  }
}
