import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { httpCheckDefaults } from '../../src/checks/http/options.js'
import { checkTimeout } from '../../src/checks/outcome.js'
import { sectionDefaults } from '../../src/cli/monitor/proxy/section.js'
import { groupDefaults } from '../../src/group/options.js'
import { meteredDefaults } from '../../src/monitor/metered/options.js'
import { monitorDefaults, uplinkDefaults } from '../../src/monitor/settings.js'
import { pingDefaults } from '../../src/protocols/icmp/ping-options.js'
import { pingsDefaults } from '../../src/protocols/icmp/pings.js'
import { sweepDefaults } from '../../src/protocols/icmp/sweep/family-sockets.js'
import { tracerouteDefaults } from '../../src/protocols/traceroute/options.js'
import { traceroutesDefaults } from '../../src/protocols/traceroute/traceroutes.js'
import { proxyDefaults } from '../../src/proxy/options.js'
import { routingDefaults } from '../../src/routing/options.js'
import { scanDefaults } from '../../src/scan/port-scan.js'
import { pageText } from './markdown.js'

/**
 * The first default in each docstring: `Default 56`, `Default: '1-1024'`, `` Default `auto` ``, `Default 0.2, 0.05` or
 * `` `icmp` … (default) ``.
 */
function documentedDefaults(file: string, name: string): Record<string, string> {
  const text = readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8')
  const body = text.slice(text.indexOf(`export interface ${name} `)).split('\n}\n')[0]!
  const members = body.matchAll(/\/\*\*((?:(?!\*\/).)*)\*\/\s+(\w+)\?:/gs)
  return Object.fromEntries(
    [...members].flatMap(([, doc, key]) => {
      const words = doc!.replace(/\s+\*\s+/g, ' ')
      const [, after, before] =
        /\b[Dd]efault:? [`']*([\w-]+(?:[.:]\d+)*(?:, [\d.]*\d)*)|`(\w+)`[^`]* \(default\)/.exec(
          words.replaceAll(/(\d),(\d)/g, '$1$2'),
        ) ?? []
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
  ['monitor/options.ts', 'MonitorOptions', monitorDefaults],
  ['monitor/options.ts', 'UplinkOptions', uplinkDefaults],
  ['monitor/options.ts', 'MeteredOptions', meteredDefaults],
  ['group/options.ts', 'GroupOptions', groupDefaults],
  ['routing/options.ts', 'RoutingOptions', routingDefaults],
  ['proxy/options.ts', 'ProxyOptions', proxyDefaults],
  ['cli/monitor/proxy/section.ts', 'ProxySection', sectionDefaults],
] as const)('%s: %s', (file, name, defaults) => {
  const documented = documentedDefaults(file, name)
  const shared = Object.entries(defaults).filter(([key]) => key in documented)

  it('has the defaults in its docstrings', () => {
    expect(shared.length).toBeGreaterThan(0)
  })

  it.each(shared)("uses the docstring's default for %s", (key, value) => {
    expect(documented[key]).toBe(text(value))
  })
})

/** The defaults in the tables of a page by option, from rows such as `` | `table` | 7770 | … ``. */
function tabledDefaults(page: string): Record<string, string> {
  const tables = [...pageText(page).matchAll(/^\| option \| default \|.*\n(?:\|.*\n)+/gm)].join('')
  const rows = tables.matchAll(/^\| ((?:`\w+`(?:, )?)+) \| ([^|]+) \|/gm)
  return Object.fromEntries(
    [...rows].flatMap(([, names, given]) => [...names!.matchAll(/\w+/g)].map(([name]) => [name, plain(given!)])),
  )
}

const units = { MB: 1_000_000, days: 86_400_000, ms: 1 } as const

/** Converts `10,000 ms`, `15 MB`, `'fail'` or `{ enter: 0.2, leave: 0.05 }` to the format of `text`. */
function plain(cell: string): string {
  const [, number, unit] = /^([\d.,]+) (MB|days|ms)$/.exec(cell) ?? []
  if (unit) return String(Number(number!.replaceAll(',', '')) * units[unit as keyof typeof units])
  return cell.replaceAll(/[`'{}\s]|\w+: |(?<=\d)_(?=\d)/g, '').replaceAll(',', ', ')
}

/** Formats a default as in docstrings and tables. */
function text(value: unknown): string {
  return typeof value === 'object' && !Array.isArray(value) ? Object.values(value!).join(', ') : String(value)
}

describe.each([
  ['docs/monitoring.md', monitorDefaults, ['interval', 'timeout']],
  ['docs/verdicts.md', monitorDefaults, ['loss', 'latencyMs']],
  ['docs/metered.md', meteredDefaults, ['quota', 'period']],
  ['docs/groups.md', groupDefaults, ['whenAllDown', 'cutConnections', 'failback']],
  ['docs/routers.md', routingDefaults, Object.keys(routingDefaults)],
  [
    'docs/running-the-proxy.md',
    proxyDefaults,
    ['maxConnections', 'maxConnectionsPerClient', 'handshakeTimeout', 'idleTimeout'],
  ],
] as const)('%s', (page, defaults, names) => {
  it.each(names)('has the correct default of %s in its table', name => {
    expect(tabledDefaults(page)[name]).toBe(text((defaults as Record<string, unknown>)[name]))
  })
})

describe('defaults in running text', () => {
  it.each([
    ['docs/monitoring.md', 'up', monitorDefaults.up],
    ['docs/monitoring.md', 'down', monitorDefaults.down],
    ['docs/monitoring.md', 'reliability', monitorDefaults.reliability],
    ['docs/verdicts.md', 'window', monitorDefaults.window],
    ['docs/verdicts.md', 'minimumTime', monitorDefaults.minimumTime],
    ['docs/hooks.md', 'hookTimeout', monitorDefaults.hookTimeout],
    ['docs/groups.md', 'priority', uplinkDefaults.priority],
    ['docs/groups.md', 'weight', uplinkDefaults.weight],
  ])('%s has the correct one of %s', (page, name, value) => {
    const [, found] = new RegExp(`\`${name}\`[^(|]*\\(default (\\d+)`).exec(pageText(page)) ?? []
    expect(found).toBe(String(value))
  })

  it('of the proxy match those of its file and its command', () => {
    expect(pageText('docs/proxy.md')).toContain(`An empty \`proxy: {}\` means ${sectionDefaults.listen}.`)
  })
})
