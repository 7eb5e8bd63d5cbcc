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
  await new Promise<void>((resolve, reject) => {
    let said = ''
    child.stderr!.on('data', text => {
      said += text
      if (said.includes('listening on')) resolve()
    })
    child.on('exit', () => reject(new Error(`tcpdump: ${said}`)))
  })
  return {
    async stop() {
      // What the kernel has handed over already is not lost, if tcpdump gets the time to write it.
      let seen: number
      do {
        seen = chunks.length
        await sleep(100)
      } while (chunks.length > seen)
      await stop(child, 'SIGINT')
      // A busy test process may read what was written before the end only now.
      await closed
      return parsePcap(Buffer.concat(chunks))
    },
  }
}
