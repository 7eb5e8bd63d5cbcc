import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { httpCheckDefaults } from '../../src/checks/http/options.js'
import { checkTimeout } from '../../src/checks/outcome.js'
import { pingDefaults } from '../../src/protocols/icmp/ping-options.js'
import { pingsDefaults } from '../../src/protocols/icmp/pings.js'
import { sweepDefaults } from '../../src/protocols/icmp/sweep/family-sockets.js'
import { tracerouteDefaults } from '../../src/protocols/traceroute/options.js'
import { traceroutesDefaults } from '../../src/protocols/traceroute/traceroutes.js'
import { scanDefaults } from '../../src/scan/port-scan.js'

/** The first default that a docstring gives: `Default 56`, `Default: '1-1024'`, `` Default `auto` `` or `` `icmp` … (default) ``. */
function documentedDefaults(file: string, name: string): Record<string, string> {
  const text = readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8')
  const body = text.slice(text.indexOf(`export interface ${name} `)).split('\n}\n')[0]!
  const members = body.matchAll(/\/\*\*((?:(?!\*\/).)*)\*\/\s+(\w+)\?:/gs)
  return Object.fromEntries(
    [...members].flatMap(([, doc, key]) => {
      const words = doc!.replace(/\s+\*\s+/g, ' ')
      const [, after, before] =
        /\b[Dd]efault:? [`']*([\w-]+)|`(\w+)`[^`]* \(default\)/.exec(words.replaceAll(/(\d),(\d)/g, '$1$2')) ?? []
      return after === undefined && before === undefined ? [] : [[key!, (after ?? before)!]]
    }),
  )
}

describe.each([
  ['protocols/icmp/ping-options.ts', 'PingOptions', pingDefaults],
  ['protocols/icmp/pings.ts', 'PingsOptions', pingsDefaults],
  ['protocols/icmp/sweep/sweep.ts', 'SweepOptions', sweepDefaults],
  ['protocols/traceroute/options.ts', 'TracerouteOptions', tracerouteDefaults],
  ['protocols/traceroute/traceroutes.ts', 'TraceroutesOptions', traceroutesDefaults],
  ['scan/scan-ports.ts', 'ScanOptions', scanDefaults],
  ['checks/http/options.ts', 'HttpCheckOptions', httpCheckDefaults],
  ['checks/check-tcp.ts', 'TcpCheckOptions', { timeout: checkTimeout }],
  ['checks/check-dns.ts', 'DnsCheckOptions', { timeout: checkTimeout }],
] as const)('%s', (file, name, defaults) => {
  const documented = documentedDefaults(file, name)
  const shared = Object.entries(defaults).filter(([key]) => key in documented)

  it('has defaults that its docstrings give', () => {
    expect(shared.length).toBeGreaterThan(0)
  })

  it.each(shared)('takes for %s what the docstring says', (key, value) => {
    expect(documented[key]).toBe(String(value))
  })
})
