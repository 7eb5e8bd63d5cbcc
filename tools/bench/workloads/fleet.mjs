// Steady probing: 1,000 targets every second, and 100,000 every ten seconds. Contestants of the same size run at the same time, each
// at its own place. They wait most of the time, and any disturbance affects all of them.
import { addressAfter } from '../drivers/common.mjs'
import { cpu, cpuPerItem, memory } from './columns.mjs'
import { atPlaces, steadyFping } from './steady.mjs'

export function fleet({ lab, smoke, baseline, driver }) {
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
          command: lab.inNear(baseline('fleet'), ...arguments_[size]),
        },
        {
          name: `netvia, ${names[size]}`,
          role: 'netvia',
          limitMs,
          beside: size,
          command: driver('fleet', ...arguments_[size]),
        },
        { ...steadyFping(lab, `fping, ${names[size]}`, ...arguments_[size]), beside: size },
      ]),
      {
        name: `netvia, ${names.few} series`,
        role: 'netvia',
        beside: 'few',
        limitMs,
        command: driver('series', ...arguments_.few),
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
        text: `CPU per probe at ${names.many} over that at ${names.few}`,
        metric: 'cpuPerItemUs',
        of: `netvia, ${names.many}`,
        over: `netvia, ${names.few}`,
        atMost: 1.2,
      },
    ],
  }
}
