// How cost grows with the number of targets, each probed every ten seconds, and with the number of devices.
import { addressAfter } from '../drivers/common.mjs'
import { cpuPerItem, memory, rate } from './columns.mjs'

export function scale({ lab, smoke, driver }) {
  const seconds = smoke ? 1 : 5
  const interval = 10_000
  const sizes = smoke ? [50, 100] : [1000, 10_000, 100_000, 1_000_000]
  const first = addressAfter(lab.plan.crowd, 1)
  const contestant = (name, targets, devices) => ({
    name,
    role: 'netvia',
    limitMs: (seconds + 60) * 1000,
    command: driver('fleet', first, targets, interval, seconds, ...lab.plan.devices.slice(0, devices)),
  })
  const middle = sizes.at(-2)
  return {
    // Without a target to judge, few rounds suffice.
    rounds: 3,
    title: 'How cost grows with targets (each every 10 s) and devices',
    contestants: [
      ...sizes.map(size => contestant(`${size.toLocaleString('en')} targets`, size, 0)),
      ...(smoke ? [2] : [1, 2, 8]).map(count =>
        contestant(`${middle.toLocaleString('en')} targets, devices: ${count}`, middle, count),
      ),
    ],
    columns: [
      rate('probes'),
      cpuPerItem('CPU per probe'),
      { metric: 'cpuSeconds', title: `CPU in ${seconds} s`, unit: 's' },
      memory,
      { metric: 'reply', title: 'answers', unit: '' },
    ],
    chart: { metric: 'cpuPerItemUs', unit: 'µs', note: 'CPU per probe, the process at rest included; less is better' },
    targets: [],
  }
}
