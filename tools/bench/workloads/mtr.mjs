// Probes both hops of a path ten times a second.
import { fileURLToPath } from 'node:url'
import { run } from '../../lab/namespaces.mjs'
import { cpu, cpuPerItem, memory } from './columns.mjs'

const cli = fileURLToPath(new URL('../../../dist/cli.cjs', import.meta.url))
const interval = 0.1
const hops = 2

export function mtr({ lab, smoke }) {
  const rounds = smoke ? 10 : 100
  const target = lab.plan.behind
  const watch = ['--report', '-n', '-c', rounds, '-i', interval]
  /** Counts rounds in the target's line of a report. Without a report, each round prints such a line. */
  const read = pattern => report => {
    const found = [...report.stdout.matchAll(pattern)]
    const sent = found.reduce((sum, [, number = 1]) => sum + Number(number), 0)
    if (sent !== rounds) throw new Error(`${sent} rounds instead of ${rounds}:\n${report.stdout}${report.stderr}`)
    return { items: rounds * hops }
  }
  const address = target.replaceAll('.', '\\.')
  const [own, peer, repeated] = ['netvia mtr', 'mtr', 'traceroute, a run for each round']
  return {
    title: `A route of ${hops} hops, ${rounds} rounds`,
    begin: () => routeBehindFar(lab),
    contestants: [
      {
        name: own,
        role: 'netvia',
        command: lab.inNear(process.execPath, cli, 'mtr', ...watch, target),
        read: read(new RegExp(` 2 +${address} +[\\d.]+%!? +(\\d+) `, 'g')),
      },
      {
        name: peer,
        role: 'peer',
        needs: ['mtr'],
        command: lab.inNear('mtr', ...watch, '-G', 1, target),
        read: read(new RegExp(` 2\\..*${address} +[\\d.]+% +(\\d+) `, 'g')),
      },
      {
        name: repeated,
        role: 'peer',
        needs: ['traceroute'],
        command: lab.inNear(
          'sh',
          '-c',
          `for round in $(seq ${rounds}); do traceroute -n -I -q 1 -N ${hops} -m ${hops} ${target}; done`,
        ),
        read: read(new RegExp(` 2 +${address} +[\\d.]+ ms`, 'g')),
      },
    ],
    columns: [cpu, cpuPerItem('CPU per probe'), memory],
    chart: { metric: 'cpuSeconds', unit: 's', note: 'CPU of all rounds; less is better' },
    targets: [{ text: 'CPU over mtr', metric: 'cpuSeconds', of: own, over: peer, atMost: 1 }],
  }
}

/** Makes far forward to the first place, so that near reaches it over two hops. */
function routeBehindFar(lab) {
  const [gateway, back, far] = [lab.plan.server, '10.62.16.2', '10.62.0.0/24']
  const inPlace = (...command) => lab.atPlace(0, lab.inNear(...command))
  const changes = [
    [lab.inFar('sysctl', '-qw', 'net.ipv4.ip_forward=1'), lab.inFar('sysctl', '-qw', 'net.ipv4.ip_forward=0')],
    [
      lab.inNear('ip', 'route', 'add', lab.plan.behind, 'via', gateway),
      lab.inNear('ip', 'route', 'delete', lab.plan.behind),
    ],
    [inPlace('ip', 'route', 'add', far, 'via', back), inPlace('ip', 'route', 'delete', far)],
  ]
  const make = ([command, ...args]) => run(command, args)
  for (const [change] of changes) make(change)
  return () => {
    for (const [, undo] of changes) make(undo)
  }
}
