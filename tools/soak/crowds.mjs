// The addresses that a soak probes behind the laboratory's internet host, and how they answer.
import { execFileSync } from 'node:child_process'

/**
 * In 10.0.0.0/8, isp1 drops everything but two of every 4,096 addresses. One replies, and one is rejected. Neither is in the
 * laboratory's own networks. In 172.16.0.0/12, a quarter doesn't answer and a sixteenth is rejected.
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

/** The expected verdict for an address in 10.0.0.0/8 or 172.16.0.0/12. */
export function verdictOf(address) {
  const [first, , third, last] = address.split('.').map(Number)
  if (first === 10) {
    const place = ((third & 15) << 8) | last
    return place === 0x107 ? 'reply' : place === 0x109 ? 'unreachable' : 'timeout'
  }
  if (last % 4 === 1) return 'timeout'
  return last % 16 === 2 ? 'unreachable' : 'reply'
}

/** Yields the first `size` addresses of 172.16.0.0/12 that are `wanted`, over and over. */
export function* fleet(size, wanted = () => true) {
  const all = Array.from({ length: size }, (_, i) => `172.16.${i >> 8}.${i & 255}`).filter(wanted)
  for (;;) yield* all
}

export function prepare({ names }) {
  const run = (args, input) => execFileSync('ip', args, { input, stdio: ['pipe', 'ignore', 'inherit'] })
  // Its network is within 10.0.0.0/8.
  run(['-n', names.router, 'link', 'delete', 'slow0'])
  for (const block of ['10.0.0.0/8', '172.16.0.0/12'])
    run(['-n', names.internet, 'route', 'add', 'local', block, 'dev', 'lo'])
  for (const [host, text] of Object.entries(rules)) run(['netns', 'exec', names[host], 'nft', '-f', '-'], text)
}
