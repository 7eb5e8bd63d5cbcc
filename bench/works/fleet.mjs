// Steady probing: a thousand targets each second, and a hundred thousand every ten seconds. Those of a size run side by side,
// each at a place of its own: they wait most of the time, and what disturbs one disturbs all.
import { addressAfter } from '../drivers/common.mjs'
import { cpu, cpuPerItem, memory } from './columns.mjs'

export function fleet({ lab, smoke, limit, driver }) {
  const seconds = smoke ? 1 : 20
  const [few, many, manyInterval] = smoke ? [100, 1000, 1000] : [1000, 100_000, 10_000]
  const first = addressAfter(lab.plan.crowd, 1)
  const names = { few: few.toLocaleString('en'), many: many.toLocaleString('en') }
  const arguments_ = { few: [first, few, 1000, seconds], many: [first, many, manyInterval, seconds] }
  const limitMs = (seconds + 30) * 1000
  return {
    title: `${names.few} targets each second, ${names.many} every ${manyInterval / 1000} s, for ${seconds} s`,
    contestants: atPlaces(lab, [
      ...['few', 'many'].flatMap(size => [
        {
          name: `limit, ${names[size]}`,
          role: 'limit',
          limitMs,
          beside: size,
          command: lab.inNear(limit('fleet'), ...arguments_[size]),
        },
        {
          name: `netvia, ${names[size]}`,
          role: 'netvia',
          limitMs,
          beside: size,
          command: driver('fleet', ...arguments_[size]),
        },
        { ...fping(lab, `fping, ${names[size]}`, ...arguments_[size]), beside: size },
      ]),
      {
        name: `netvia, ${names.few} series`,
        role: 'netvia',
        beside: 'few',
        limitMs,
        command: driver('series', ...arguments_.few),
      },
      {
        name: `netvia monitor, ${names.few} uplinks`,
        role: 'netvia',
        beside: 'few',
        limitMs,
        command: driver('monitor', ...arguments_.few),
      },
      {
        name: `net-ping, ${names.few}`,
        role: 'peer',
        beside: 'few',
        needs: ['npm:net-ping'],
        limitMs,
        command: driver('net-ping', 'fleet', ...arguments_.few),
      },
      {
        name: 'Node, doing nothing',
        role: 'baseline',
        beside: 'few',
        limitMs,
        command: lab.inNear(process.execPath, '-e', `setTimeout(() => {}, ${seconds * 1000})`),
        read: () => ({ items: 0 }),
      },
    ]),
    columns: [cpu, cpuPerItem('CPU per probe'), memory, { metric: 'reply', title: 'answers', unit: '' }],
    chart: { metric: 'cpuSeconds', unit: 's', note: `CPU seconds in ${seconds} s; less is better` },
    targets: [
      ...[`netvia, ${names.few}`, `netvia, ${names.few} series`].flatMap(of => [
        { text: 'CPU over fping', metric: 'processCpuSeconds', of, over: `fping, ${names.few}`, atMost: 0.6 },
        {
          text: 'memory over idle Node, MB',
          metric: 'memoryMb',
          of,
          over: 'Node, doing nothing',
          compare: 'difference',
          atMost: 12,
        },
      ]),
      {
        text: 'CPU over fping',
        metric: 'processCpuSeconds',
        of: `netvia monitor, ${names.few} uplinks`,
        over: `fping, ${names.few}`,
        atMost: 1,
      },
      {
        text: `CPU per probe at ${names.many} over that at ${names.few}`,
        metric: 'cpuPerItemUs',
        of: `netvia, ${names.many}`,
        over: `netvia, ${names.few}`,
        atMost: 1.2,
      },
    ],
  }
}

/** Each of a group at its own place. */
function atPlaces(lab, contestants) {
  const taken = {}
  return contestants.map(one => {
    taken[one.beside] ??= 0
    return { ...one, command: lab.atPlace(taken[one.beside]++, one.command) }
  })
}

/** Rounds of all targets, their probes spread over the interval by -i. */
function fping(lab, name, first, count, interval, seconds) {
  const rounds = Math.max(1, Math.floor((seconds * 1000) / interval))
  const between = ['-i', interval / count, '-p', interval, '-c', rounds, '-t', 900]
  return {
    name,
    role: 'peer',
    needs: ['fping'],
    limitMs: (seconds + 30) * 1000,
    command: lab.inNear('fping', '-q', ...between, '-g', first, addressAfter(first, count - 1)),
    // One line a host on stderr: host : xmt/rcv/%loss = 20/20/0%, …
    read: ({ stderr }) => {
      const replies = [...stderr.matchAll(/= \d+\/(\d+)\//g)].reduce((sum, [, received]) => sum + Number(received), 0)
      return { items: count * rounds, reply: replies }
    },
  }
}
