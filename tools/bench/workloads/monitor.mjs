// Two minutes of a monitor that checks a thousand uplinks once a second, including its start.
import { addressAfter } from '../drivers/common.mjs'
import { cpu, memory } from './columns.mjs'
import { atPlaces, steadyFping } from './steady.mjs'

export function monitor({ lab, smoke, driver }) {
  const [uplinks, seconds] = smoke ? [100, 1] : [1000, 120]
  const arguments_ = [addressAfter(lab.plan.crowd, 1), uplinks, 1000, seconds]
  const [own, peer] = ['netvia monitor', 'fping']
  return {
    title: `A monitor of ${uplinks.toLocaleString('en')} uplinks, a ping a second each, for ${seconds} s`,
    contestants: atPlaces(lab, [
      {
        name: own,
        role: 'netvia',
        beside: 'all',
        limitMs: (seconds + 30) * 1000,
        command: driver('monitor', ...arguments_),
      },
      { ...steadyFping(lab, peer, ...arguments_), beside: 'all' },
    ]),
    columns: [cpu, memory, { metric: 'reply', title: 'uplinks up; answers to fping', unit: '' }],
    targets: [{ text: 'CPU over fping', metric: 'processCpuSeconds', of: own, over: peer, atMost: 1 }],
  }
}
