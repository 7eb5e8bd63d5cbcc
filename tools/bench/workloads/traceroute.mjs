// The time of a complete trace over ten hops with three probes per hop, for the command and for a warm process.
import { fileURLToPath } from 'node:url'
import { addLink, applySysctls, batch, makeNamespaces } from '../../lab/namespaces.mjs'
import { memory } from './columns.mjs'

const cli = fileURLToPath(new URL('../../../dist/cli.cjs', import.meta.url))
const hops = 10
const target = `10.63.${hops}.2`

export function traceroute({ lab, smoke, driver }) {
  const repeat = smoke ? 1 : 5
  const command = (name, role, needs, ...words) => ({
    ...{ name, role, needs, repeat, read },
    command: lab.inNear(...words),
  })
  const [inProgram, own, peer] = ['traceroute() in a running program', 'netvia trace', 'traceroute']
  return {
    title: `A trace of ${hops} hops, 3 probes each`,
    begin: () => makeRoute(lab),
    contestants: [
      { name: inProgram, role: 'netvia', command: driver('traceroute', target, 'hop1', hops, smoke ? 2 : 40) },
      command(own, 'netvia', [], process.execPath, cli, 'trace', '-n', target),
      command(peer, 'peer', ['traceroute'], 'traceroute', '-n', '-I', '-N', 3 * hops, target),
      command('traceroute, as it is without -N', 'peer', ['traceroute'], 'traceroute', '-n', '-I', target),
      command('mtr', 'peer', ['mtr'], 'mtr', '--report', '-n', '-c', 3, '-i', 0.1, '-G', 1, target),
    ],
    columns: [
      { metric: 'traceMs', title: 'finished after', unit: 'ms' },
      { metric: 'cpuMs', title: 'CPU', unit: 'ms' },
      memory,
    ],
    chart: { metric: 'traceMs', unit: 'ms', note: 'to the finished trace; less is better' },
    targets: [
      { text: 'time over traceroute', metric: 'traceMs', of: inProgram, over: peer, atMost: 1 },
      {
        text: 'time of the command over traceroute, ms',
        ...{ metric: 'traceMs', of: own, over: peer, compare: 'difference', atMost: 150 },
      },
    ],
  }
}

/** Checks that the trace is complete: its last hop is the target. */
function read({ stdout, stderr, cost }) {
  const last = new RegExp(`^ *${hops}\\b.*${target.replaceAll('.', '\\.')}`, 'm')
  if (!last.test(stdout)) throw new Error(`no trace of ${hops} hops:\n${stdout}${stderr}`)
  return { items: 1, traceMs: cost.wallSeconds * 1000, cpuMs: cost.processCpuSeconds * 1000 }
}

/** Creates a chain of namespaces. Each forwards to the next, and the last is the target. */
function makeRoute(lab) {
  const names = Array.from({ length: hops }, (_, index) => `hop${index + 1}`)
  const made = makeNamespaces(names).names
  const [, , , near] = lab.inNear()
  const chain = [near, ...names.map(name => made[name])]
  for (const namespace of chain.slice(1)) {
    applySysctls(namespace, {
      'net.ipv4.ip_forward': { value: 1 },
      'net.ipv4.icmp_ratelimit': { value: 0 },
      'net.ipv4.icmp_msgs_per_sec': { value: 1_000_000, optional: true },
    })
    batch(namespace, ['link set lo up'])
  }
  for (let hop = 1; hop <= hops; hop++) {
    const [here, there] = [chain[hop - 1], chain[hop]]
    addLink(
      { namespace: here, device: `hop${hop}`, mac: mac(hop, 1) },
      { namespace: there, device: 'back', mac: mac(hop, 2) },
    )
    batch(here, [`address add 10.63.${hop}.1/24 dev hop${hop}`, `link set hop${hop} up`])
    batch(there, [`address add 10.63.${hop}.2/24 dev back`, 'link set back up'])
    if (hop < hops) batch(here, [`route add ${target} via 10.63.${hop}.2`])
    if (hop > 1) batch(there, [`route add 10.63.1.0/24 via 10.63.${hop}.1`])
  }
  return () => batch(near, ['link delete hop1'])
}

const mac = (hop, side) => `02:be:00:01:0${side}:${String(hop).padStart(2, '0')}`
