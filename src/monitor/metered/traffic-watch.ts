import { monotonicNow } from '../../monotonic.js'
import { parseIP } from '../../sockets/ip.js'
import { leavesBy, readAddresses, readLink } from '../../system/netlink/tables.js'
import { readTcpConnections, type TcpConnection } from '../../system/netlink/tcp-connections.js'
import { type Traffic, TrafficJudge } from './traffic.js'

/** Milliseconds between looks. A look at devices without traffic costs one netlink request each. */
const lookInterval = 100
/** Milliseconds without a look after one, for each connection looked at: so looks take about a twentieth of the time. */
const restMs = 0.2
/** An acknowledgement older than this, in ms, says nothing about now, however late a look is. */
const longestElapsed = 1000

interface Followed {
  readonly judge: TrafficJudge
  index: number
  /** Packets received and sent, as text. */
  moved: string
  /** When its connections were last looked at. */
  at: number
}

/**
 * Reports what traffic says about each device, ten times a second while packets move. It sends nothing. `failed` gets what
 * netlink refuses, once in a row. Returns what ends it.
 */
export function watchTraffic(
  devices: ReadonlySet<string>,
  onTraffic: (device: string, traffic: Traffic) => void,
  failed: (error: unknown) => void,
): () => void {
  if (devices.size === 0) return () => {}
  const followed = new Map<string, Followed>()
  let isLooking = false
  let restUntil = 0
  let isFailing = false
  let isEnded = false

  const look = async () => {
    const began = monotonicNow()
    const busy = [...devices].flatMap(name => {
      const link = readLink(name)
      const counters = link?.counters
      if (!link || !counters) return []
      const moved = `${counters.rxPackets} ${counters.txPackets}`
      const known = followed.get(name)
      if (known?.index === link.index && known.moved === moved && !known.judge.awaits(began)) return []
      const fresh = known?.index !== link.index
      const own = fresh ? { judge: new TrafficJudge(leaves), index: link.index, moved, at: Number.NaN } : known
      own.moved = moved
      followed.set(name, own)
      return [{ name, own, link: { index: link.index, ...counters } }]
    })
    if (busy.length === 0) return
    const connections = await readTcpConnections()
    restUntil = began + restMs * connections.length
    if (isEnded) return
    const addresses = readAddresses()
    const now = monotonicNow()
    for (const { name, own, link } of busy) {
      const ofDevice = addresses.filter(({ deviceIndex }) => deviceIndex === link.index)
      const device = {
        ...link,
        addresses: ofDevice.map(({ address: { address, prefixLength } }) => ({
          bytes: parseIP(address),
          prefixLength,
        })),
      }
      // The first look shows only what there is.
      const elapsed = Number.isNaN(own.at) ? -1 : Math.min(now - own.at, longestElapsed)
      const traffic = own.judge.judge(device, connections, elapsed, now)
      own.at = now
      if (traffic) onTraffic(name, traffic)
    }
  }

  const timer = setInterval(async () => {
    if (isLooking || monotonicNow() < restUntil) return
    isLooking = true
    try {
      await look()
      isFailing = false
    } catch (error) {
      if (!isFailing && !isEnded) failed(error)
      isFailing = true
    } finally {
      isLooking = false
    }
  }, lookInterval)
  return () => {
    isEnded = true
    clearInterval(timer)
  }
}

function leaves({ local, remote, mark, deviceIndex }: TcpConnection, index: number): boolean {
  try {
    return leavesBy(remote, index, deviceIndex === 0 ? { source: local, mark } : { deviceIndex, mark })
  } catch {
    // The address or the route has just gone.
    return false
  }
}
