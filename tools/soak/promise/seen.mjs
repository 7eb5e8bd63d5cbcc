// Where packets really went: each provider remembers the targets of all packets that it gets from the router.
import { run } from '../../lab/namespaces.mjs'
import { plan } from '../../lab/plan.mjs'

/**
 * The addresses of the targets. All are on the laboratory's internet host, whose servers answer for them. The kernel itself answers pings.
 */
const blocks = { ip: '100.64.0.0/10', ip6: '2001:db8:aaaa::/48' }
const types = { ip: 'ipv4_addr', ip6: 'ipv6_addr' }
const families = Object.keys(blocks)

/** The first kind that matches a packet counts. The kernel sends the first three without a socket (docs/paths.md). */
const kinds = {
  resets: () => 'tcp flags & rst == rst',
  acknowledgements: () => 'tcp flags & (fin | syn | psh | ack) == ack',
  errors: family => `${family === 'ip' ? 'icmp' : 'icmpv6'} type { destination-unreachable, time-exceeded }`,
  packets: () => '',
}

/** The target of this number, from 1 on. */
export function targetOf(number, family) {
  const [high, low] = [number >> 8, number & 255]
  return family === 4
    ? `100.${64 + (high >> 8)}.${high & 255}.${low}`
    : `2001:db8:aaaa::${high.toString(16)}:${low.toString(16)}`
}

/** nftables leaves out `high` if it is 0. */
function numberOf(target) {
  const isIPv6 = target.includes(':')
  const parts = isIPv6 ? target.split('::')[1].split(':') : target.split('.')
  const [low, high = 0, higher = 64] = parts.map(part => Number.parseInt(part, isIPv6 ? 16 : 10)).reverse()
  return ((higher - 64) << 16) | (high << 8) | low
}

/** Lets the servers of the internet host answer for every target. */
export function prepareTargets(internet) {
  for (const block of Object.values(blocks)) run('ip', ['-n', internet, 'route', 'add', 'local', block, 'dev', 'lo'])
  const redirect = (family, address) =>
    `${family} daddr ${blocks[family]} meta l4proto { tcp, udp } dnat ${family} to ${address}`
  nft(
    internet,
    `table inet promise {
      chain servers {
        type nat hook prerouting priority -100
        ${redirect('ip', plan.server.address4)}
        ${redirect('ip6', plan.server.address6)}
      }
    }`,
  )
}

/** Makes a provider remember. */
export function remember(namespace) {
  const all = families.flatMap(family => Object.keys(kinds).map(kind => ({ family, kind, set: `${kind}_${family}` })))
  const sets = all.map(({ family, set }) => `set ${set} { type ${types[family]}; size 1000000; flags dynamic; }`)
  const rules = all.map(
    ({ family, kind, set }) =>
      `iifname customer ${family} daddr ${blocks[family]} ${kinds[kind](family)} add @${set} { ${family} daddr } return`,
  )
  nft(
    namespace,
    `table inet promise {
      ${sets.join('\n')}
      chain seen {
        type filter hook prerouting priority -400
        ${rules.join('\n')}
      }
    }`,
  )
}

/** Returns the numbers of the targets that a provider has seen, for each kind of packet. */
export function seenBy(namespace) {
  const text = run('ip', ['netns', 'exec', namespace, 'nft', '--json', 'list', 'table', 'inet', 'promise'])
  const sets = JSON.parse(text).nftables.flatMap(({ set }) => set ?? [])
  return Object.keys(kinds).map(kind => ({
    kind,
    seen: sets.filter(({ name }) => name.startsWith(`${kind}_`)).flatMap(({ elem = [] }) => elem.map(numberOf)),
  }))
}

function nft(namespace, text) {
  run('ip', ['netns', 'exec', namespace, 'nft', '-f', '-'], text)
}
