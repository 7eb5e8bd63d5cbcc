// Who is behind the laboratory's internet host for a soak, and what they answer.
import { execFileSync } from 'node:child_process'

/**
 * A /8 that is silent but for two addresses of every 4,096: one answers, one is rejected; neither is in the laboratory's own networks. What is silent is dropped by isp1. And a /12
 * where a quarter is silent and a sixteenth rejected.
 */
const rules = {
  isp1: `table ip soak {
    chain silence {
      type filter hook prerouting priority -300
      ip daddr & 255.0.15.255 == 10.0.1.7 accept
      ip daddr & 255.0.15.255 == 10.0.1.9 accept
      ip daddr 10.0.0.0/8 drop
    }
  }`,
  internet: `table ip soak {
    chain verdicts {
      type filter hook input priority 0
      ip daddr & 255.0.15.255 == 10.0.1.9 reject with icmp type host-unreachable
      ip daddr & 255.240.0.3 == 172.16.0.1 drop
      ip daddr & 255.240.0.15 == 172.16.0.2 reject with icmp type host-unreachable
    }
  }`,
}

/** What an address of 10.0.0.0/8 or 172.16.0.0/12 does. */
export function verdictOf(address) {
  const [first, , third, last] = address.split('.').map(Number)
  if (first === 10) {
    const place = ((third & 15) << 8) | last
    return place === 0x107 ? 'reply' : place === 0x109 ? 'unreachable' : 'timeout'
  }
  if (last % 4 === 1) return 'timeout'
  return last % 16 === 2 ? 'unreachable' : 'reply'
}

/** Of 172.16.0.0/12, from its beginning, without end and around again. */
export function* fleet(size, wanted = () => true) {
  const all = Array.from({ length: size }, (_, i) => `172.16.${i >> 8}.${i & 255}`).filter(wanted)
  for (;;) yield* all
}

export function prepare({ names }) {
  const run = (args, input) => execFileSync('ip', args, { input, stdio: ['pipe', 'ignore', 'inherit'] })
  // Its network lies within 10.0.0.0/8.
  run(['-n', names.router, 'link', 'delete', 'slow0'])
  for (const block of ['10.0.0.0/8', '172.16.0.0/12'])
    run(['-n', names.internet, 'route', 'add', 'local', block, 'dev', 'lo'])
  for (const [host, text] of Object.entries(rules)) run(['netns', 'exec', names[host], 'nft', '-f', '-'], text)
}
