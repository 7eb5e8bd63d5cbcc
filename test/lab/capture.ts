import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Host } from './context.js'
import { type CapturedPacket, parsePcap } from './pcap.js'
import { atOnce, start, stop } from './processes.js'

export interface Capture {
  /** Ends it, and gives all packets since `capture` resolved. */
  stop(): Promise<CapturedPacket[]>
}

/** tcpdump on a device: what really was on the wire, and when. Resolves once it listens. `filter`: pcap-filter(7). */
export async function capture(device: string, filter = '', host: Host = 'router'): Promise<Capture> {
  // The kernel has a place of one size for each packet: sixteen by default, and 256 with this (-B counts KiB).
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
  /** What tcpdump has read by now, and what the kernel holds for it. On a busy machine the answer waits until it has had a turn. */
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
      // What the kernel holds for it would be lost: it ends where it stands.
      for (let before = -1; child.exitCode === null; await sleep(100)) {
        const { captured, held, lost } = await counts()
        if (lost > 0) throw new Error(`tcpdump: the kernel had no room for ${lost} packets of ${device}`)
        if (held <= 0 && captured === before) break
        before = captured
      }
      await stop(child, 'SIGINT')
      // A busy test process may read what was written before the end only now.
      await closed
      return parsePcap(Buffer.concat(chunks))
    },
  }
}
