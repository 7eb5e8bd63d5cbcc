// The hosts, cables, addresses and routes of the laboratory. All addresses are documentation (RFC 5737, RFC 3849) or private ones.

export const hosts = ['router', 'isp1', 'isp2', 'internet', 'relay', 'slow']

export const plan = {
  wan1: uplink('wan1', '192.0.2.2', '2001:db8:1::2', '192.0.2.1', '2001:db8:1::1'),
  wan2: uplink('wan2', '198.51.100.2', '2001:db8:2::2', '198.51.100.1', '2001:db8:2::1'),
  server: { address4: '203.0.113.1', address6: '2001:db8:ff::1', name: 'server.test' },
  slow: { device: 'slow0', address4: '10.9.0.2', address6: 'fd00:9::2' },
  /** A block of addresses on the internet host. All of them answer. */
  crowd: '10.64.0.0/16',
}

function uplink(device, address4, address6, gateway4, gateway6) {
  return { device, address4, address6, gateway4, gateway6 }
}

/** The two ends of a cable: host, device, IPv4 and IPv6 address with prefix length. */
function cable(number, left, right) {
  const end = ([host, device, ...addresses], side) => ({ host, device, addresses, mac: mac(number, side) })
  const ends = [end(left, 1), end(right, 2)]
  for (const [index, { addresses }] of ends.entries()) {
    const other = ends[1 - index]
    other.neighbours = addresses.map(address => [address.split('/')[0], mac(number, index + 1)])
  }
  return ends
}

function mac(number, side) {
  return `02:00:00:00:0${number}:0${side}`
}

const { wan1, wan2, server, slow, crowd } = plan

export const links = [
  cable(
    1,
    ['router', 'wan1', `${wan1.address4}/24`, `${wan1.address6}/64`],
    ['isp1', 'customer', `${wan1.gateway4}/24`, `${wan1.gateway6}/64`],
  ),
  cable(
    2,
    ['router', 'wan2', `${wan2.address4}/24`, `${wan2.address6}/64`],
    ['isp2', 'customer', `${wan2.gateway4}/24`, `${wan2.gateway6}/64`],
  ),
  cable(3, ['isp1', 'core', '10.1.0.1/24', 'fd00:1::1/64'], ['internet', 'isp1', '10.1.0.2/24', 'fd00:1::2/64']),
  cable(4, ['isp2', 'core', '10.2.0.1/24', 'fd00:2::1/64'], ['internet', 'isp2', '10.2.0.2/24', 'fd00:2::2/64']),
  ...relayed(
    cable(
      5,
      ['router', 'slow0', '10.9.0.1/24', 'fd00:9::1/64'],
      ['slow', 'router', `${slow.address4}/24`, `${slow.address6}/64`],
    ),
  ),
]

/** Splits a cable in two, and connects each end to the relay. The ends have each other's MAC addresses, as on one cable. */
function relayed([left, right]) {
  return [
    [left, { host: 'relay', device: 'near', mac: mac(6, 1) }],
    [right, { host: 'relay', device: 'far', mac: mac(6, 2) }],
  ]
}

export const routes = {
  router: [
    'link set lo up',
    `route replace default via ${wan1.gateway4} dev wan1 metric 100`,
    `route replace default via ${wan2.gateway4} dev wan2 metric 200`,
    `route replace default via ${wan1.gateway6} dev wan1 metric 100`,
    `route replace default via ${wan2.gateway6} dev wan2 metric 200`,
  ],
  isp1: ['link set lo up', 'route replace default via 10.1.0.2', 'route replace default via fd00:1::2'],
  isp2: ['link set lo up', 'route replace default via 10.2.0.2', 'route replace default via fd00:2::2'],
  internet: [
    'link set lo up',
    `address replace ${server.address4}/32 dev lo`,
    `address replace ${server.address6}/128 dev lo nodad`,
    `route replace local ${crowd} dev lo`,
    'route replace 192.0.2.0/24 via 10.1.0.1',
    'route replace 198.51.100.0/24 via 10.2.0.1',
    'route replace 2001:db8:1::/64 via fd00:1::1',
    'route replace 2001:db8:2::/64 via fd00:2::1',
  ],
  slow: ['link set lo up'],
}

/**
 * Commands that set up the devices of a host, or repair them after a test. The neighbour entries are permanent. Without ARP and
 * neighbour discovery, the counters of an unused device don't change.
 */
export function deviceCommands(host) {
  return links
    .flat()
    .filter(end => end.host === host)
    .flatMap(({ device, addresses = [], neighbours = [] }) => [
      `link set ${device} up`,
      ...addresses.map(address => `address replace ${address} dev ${device}${address.includes(':') ? ' nodad' : ''}`),
      ...neighbours.map(
        ([address, lladdr]) => `neighbour replace ${address} lladdr ${lladdr} nud permanent dev ${device}`,
      ),
    ])
}

/** Applied in every namespace. `optional` settings don't exist on every kernel, or not in every namespace. */
export const sysctls = {
  'net.ipv4.ip_forward': { value: '1' },
  'net.ipv6.conf.all.forwarding': { value: '1' },
  // Replies may arrive through the other uplink.
  'net.ipv4.conf.all.rp_filter': { value: '0' },
  'net.ipv4.conf.default.rp_filter': { value: '0' },
  'net.ipv4.conf.all.send_redirects': { value: '0' },
  'net.ipv4.conf.default.send_redirects': { value: '0' },
  // A responder that limits its rate would look like packet loss.
  'net.ipv4.icmp_ratelimit': { value: '0' },
  'net.ipv6.icmp.ratelimit': { value: '0' },
  'net.ipv4.icmp_msgs_per_sec': { value: '1000000', optional: true },
  'net.ipv4.icmp_msgs_burst': { value: '1000000', optional: true },
  'net.ipv4.ping_group_range': { value: '0 2147483647' },
  // No address waits for duplicate address detection, and IPv6 sends nothing unsolicited.
  'net.ipv6.conf.all.accept_dad': { value: '0' },
  'net.ipv6.conf.default.accept_dad': { value: '0' },
  'net.ipv6.conf.all.accept_ra': { value: '0' },
  'net.ipv6.conf.default.accept_ra': { value: '0' },
  'net.ipv6.conf.default.router_solicitations': { value: '0' },
  'net.ipv6.conf.default.mldv1_unsolicited_report_interval': { value: '1' },
  'net.ipv6.conf.default.mldv2_unsolicited_report_interval': { value: '1' },
}

/** The relay's devices only forward frames. They must send none of their own. */
export const hostSysctls = {
  relay: {
    'net.ipv6.conf.all.disable_ipv6': { value: '1' },
    'net.ipv6.conf.default.disable_ipv6': { value: '1' },
  },
}
