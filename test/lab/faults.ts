import { atEnd } from './cleanup.js'
import type { Host } from './context.js'
import { run, runWithInput } from './processes.js'

let faults = 0

/**
 * Adds an nftables rule for packets that `host` forwards or receives, in nft's syntax: `icmp type echo-request drop`,
 * `tcp dport 80 reject with tcp reset`, `ip saddr 192.0.2.2 reject with icmp type admin-prohibited`, or `loss(0.3)`.
 * Returns a function that removes it. The end of the test (or of the file, outside a test) removes it too.
 */
export function fault(host: Host, rule: string): () => void {
  const table = `fault_${process.pid}_${++faults}`
  const chain = (hook: string) => `chain ${hook} { type filter hook ${hook} priority 0; ${rule}; }\n`
  runWithInput(host, `table inet ${table} {\n${chain('input')}${chain('forward')}}\n`, 'nft', '-f', '-')
  let broken = true
  const repair = () => {
    if (broken) run(host, 'nft', 'delete', 'table', 'inet', table)
    broken = false
  }
  atEnd(repair)
  return repair
}

/** A rule that randomly drops packets that match `match` (nft's syntax). */
export function loss(probability: number, match = ''): string {
  return `${match} numgen random mod 1000000 < ${Math.round(probability * 1e6)} drop`
}
