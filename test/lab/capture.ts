import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Host } from './context.js'
import { type CapturedPacket, parsePcap } from './pcap.js'
import { atOnce, start, stop } from './processes.js'

/** After this many checks, 100 ms apart, without progress, tcpdump reads no more: it runs at a higher priority than the tests. */
const patience = 20

export interface Capture {
  /** Stops the capture. Returns all packets since `capture` resolved. */
  stop(): Promise<CapturedPacket[]>
}

/** Runs tcpdump on a device, to see what was really on the wire. Resolves once it listens. `filter`: see pcap-filter(7). */
export async function capture(device: string, filter = '', host: Host = 'router'): Promise<Capture> {
  // The kernel's ring has slots of one size, one for each packet. This makes 256 slots instead of 16. -B is in KiB.
  const room = ['-s', '65000', '-B', '32768']
  const options = [
    '-i',
    device,
    '-U',
    '--immediate-mode',
    '--time-stamp-precision=nano',
    '-n',
    '-Z',
    'root',
    ...room,
    '-w',
    '-',
  ]
  const child = start(host, ...atOnce, 'tcpdump', ...options, ...filter.split(' ').filter(Boolean))
  const closed = once(child, 'close')
  const chunks: Buffer[] = []
  child.stdout!.on('data', chunk => chunks.push(chunk))
  let said = ''
  child.stderr!.on('data', text => {
    said += text
  })
  const heard = async (pattern: RegExp) => {
    for (;;) {
      const match = pattern.exec(said)
      if (match) return match
      if (child.exitCode !== null) throw new Error(`tcpdump: ${said}`)
      await sleep(5)
    }
  }
  /** The packets that tcpdump has read and that the kernel still holds for it. Waits until tcpdump reports them. */
  const counts = async () => {
    said = ''
    child.kill('SIGUSR1')
    const pattern = /(\d+) packets? captured\D*(\d+) packets? received by filter\D*(\d+) packets? dropped by kernel/
    const [captured, received, lost] = (await heard(pattern)).slice(1).map(Number)
    return { captured: captured!, held: received! - lost! - captured!, lost: lost! }
  }
  await heard(/listening on/)
  return {
    async stop() {
      // tcpdump drops the packets that the kernel still holds when it ends, so wait until it has read all of them. Packets that
      // came before tcpdump set its filter are never read, and count as held.
      let captured = -1
      for (let turns = 0; child.exitCode === null && turns < patience; await sleep(100)) {
        const now = await counts()
        if (now.lost > 0) throw new Error(`tcpdump: the kernel had no room for ${now.lost} packets of ${device}`)
        if (now.captured !== captured) turns = 0
        else if (now.held <= 0) break
        else turns++
        captured = now.captured
      }
      await stop(child, 'SIGINT')
      // A busy test process may not have read all of tcpdump's output yet.
      await closed
      return parsePcap(Buffer.concat(chunks))
    },
  }
}
