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
  const options = ['-i', device, '-U', '--immediate-mode', '--time-stamp-precision=nano', '-n', '-Z', 'root', '-w', '-']
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
  /** How many packets tcpdump has read by now. On a busy machine the answer waits until it has had a turn. */
  const packetsRead = async () => {
    said = ''
    child.kill('SIGUSR1')
    return (await heard(/(\d+) packets? captured.*kernel/))[1]
  }
  await heard(/listening on/)
  return {
    async stop() {
      // What the kernel holds for it would be lost: it ends where it stands.
      for (let before: string | undefined, count = ''; count !== before && child.exitCode === null; await sleep(100)) {
        before = count
        count = (await packetsRead())!
      }
      await stop(child, 'SIGINT')
      // A busy test process may read what was written before the end only now.
      await closed
      return parsePcap(Buffer.concat(chunks))
    },
  }
}
