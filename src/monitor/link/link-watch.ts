import { hold } from '../../binding/poller.js'
import { monotonicNow } from '../../monotonic.js'
import { borrowedSource } from '../../system/borrowed-source.js'
import { type DeviceChange, onDeviceChange } from '../../system/netlink/changes.js'
import { RunningReader } from '../../system/netlink/running-devices.js'
import { readAddresses, readLinks } from '../../system/netlink/tables.js'
import type { LinkDevice, LinkFacts, LinkHistory } from './link-fault.js'

/**
 * The kernel may report a lost carrier up to a second late, if another was lost just before, and not at all if it is back by
 * then: so we look ourselves, in ms.
 */
const carrierInterval = 50
/** How many times as long as a reading took the next one waits: thousands of addresses take long to read, and may come without end. */
const rest = 4

/**
 * Reports the facts of each device's link: immediately, and whenever netlink reports a change. `failed` gets what netlink
 * refuses: then only the checks decide. `devices` are those to watch, each with what is known of it. Returns what ends it.
 * Until then the event loop stays alive.
 */
export function watchLinks(
  devices: ReadonlyMap<string, LinkHistory>,
  onFacts: (device: string, facts: LinkFacts) => void,
  failed: (error: unknown) => void,
): () => void {
  if (devices.size === 0) return () => {}
  /** As they were reported last. */
  const reported = new Map<string, { index: number; running: boolean }>()
  let carriers: RunningReader | undefined
  const report = (name: string, device: (LinkDevice & { index: number }) | undefined) => {
    if (reported.get(name)?.index !== device?.index) endCarriers()
    if (device) reported.set(name, device)
    else reported.delete(name)
    onFacts(name, devices.get(name)!.update(device, monotonicNow()))
  }
  const read = (names: Iterable<string>) => {
    const links = readLinks()
    const addresses = readAddresses()
    const ownerOf = (source: string) => {
      const owner = addresses.find(({ address }) => address.address === source && address.scope === 'global')
      return links.find(({ index }) => index === owner?.deviceIndex)?.name
    }
    for (const name of names) {
      const link = links.find(link => link.name === name)
      const own = addresses.filter(({ deviceIndex }) => deviceIndex === link?.index).map(({ address }) => address)
      const borrowed = () => {
        const source = borrowedSource(name, ownerOf)
        return source && { ...source, ofUplink: devices.has(source.device) }
      }
      report(name, link && { ...link, addresses: own, borrowed })
    }
  }
  const endCarriers = () => {
    carriers?.close()
    carriers = undefined
  }
  const lookAtCarriers = () => {
    if (reported.size === 0) return
    carriers ??= new RunningReader([...reported.values()].map(({ index }) => index))
    const now = carriers.read()
    const changed = [...reported].filter(([, { index, running }]) => now.get(index) === !running)
    if (changed.length > 0) read(changed.map(([name]) => name))
  }
  /** Devices to read again. One reading does for all changes of a turn, because thousands of them come together. */
  const due = new Set<string>()
  let reading: NodeJS.Timeout | undefined
  let restsUntil = 0
  const readSoon = (names: Iterable<string>) => {
    for (const name of names) due.add(name)
    if (due.size === 0) return
    reading ??= setTimeout(
      () => {
        reading = undefined
        const begun = monotonicNow()
        attempt(() => read(due), failed)
        due.clear()
        const now = monotonicNow()
        restsUntil = now + rest * (now - begun)
      },
      Math.max(0, restsUntil - monotonicNow()),
    )
  }
  const follow = (change: DeviceChange) => {
    if (change.type === 'overrun') return readSoon(devices.keys())
    const names = namesOf(change).filter(name => devices.has(name))
    // Even if it is there again by now: its sockets are dead.
    if (change.type === 'link' && change.change === 'removed') for (const name of names) report(name, undefined)
    readSoon(names)
    if (mayChangeSource(change)) readSoon([...devices.keys()].filter(name => devices.get(name)!.mayBorrow))
  }
  const look = () => {
    lookAtCarriers()
    readSoon([...devices.keys()].filter(name => devices.get(name)!.isWaiting))
  }
  try {
    const unsubscribe = onDeviceChange(change => attempt(() => follow(change), failed))
    attempt(() => read(devices.keys()), failed)
    const release = hold()
    const timer = setInterval(() => attempt(look, failed), carrierInterval)
    return () => {
      clearInterval(timer)
      clearTimeout(reading)
      endCarriers()
      unsubscribe()
      release()
    }
  } catch (error) {
    failed(error)
    return () => {}
  }
}

/** Devices whose links a change may concern. A route says nothing about a link. */
function namesOf(change: DeviceChange): string[] {
  if (change.type === 'link') return [change.device, ...(change.previous ? [change.previous.name] : [])]
  return change.type === 'address' ? [change.device] : []
}

/** Whether it may change which address of this machine IPv6 packets have. */
function mayChangeSource(change: DeviceChange): boolean {
  if (change.type === 'address') return change.address.family === 6
  return change.type === 'route' && change.route.destination === '::/0'
}

function attempt(work: () => void, failed: (error: unknown) => void): void {
  try {
    work()
  } catch (error) {
    failed(error)
  }
}
