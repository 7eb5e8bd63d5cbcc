// A sweep where one host in four doesn't answer and one in twenty is rejected.
import { addressAfter } from '../drivers/common.mjs'
import { mixCrowd, verdictOf } from '../lib/lab.mjs'
import { ownReport } from '../lib/measure.mjs'
import { cpuPerItem, loopHeld, memory, rate } from './columns.mjs'
import { aliveOf } from './fping.mjs'

const timeoutMs = 200
// More than the hosts that don't answer, so waiting for them doesn't delay the other probes.
const inFlight = 20_000

export function mixed({ lab, smoke, baseline, go, driver }) {
  const block = smoke ? '10.80.0.0/22' : '10.80.0.0/16'
  const count = smoke ? 1022 : 65_534
  const first = addressAfter(lab.plan.mixed, 1)
  const expected = { reply: 0, timeout: 0, unreachable: 0 }
  for (let i = 1; i <= count; i++) expected[verdictOf(i % 256)]++
  const own = run => {
    const report = ownReport(run)
    const wrong = Object.entries(expected).map(([outcome, hosts]) => Math.abs((report[outcome] ?? 0) - hosts))
    return { wrong: Math.max(...wrong), ...report }
  }
  const options = JSON.stringify({ timeout: timeoutMs, concurrency: inFlight })
  return {
    title: `The same with ${expected.timeout.toLocaleString('en')} silent and ${expected.unreachable.toLocaleString('en')} rejected`,
    begin: () => mixCrowd(lab),
    contestants: [
      {
        name: 'limit',
        role: 'limit',
        command: lab.inNear(baseline('sweep'), first, count, inFlight, timeoutMs),
        read: own,
      },
      { name: 'netvia', role: 'netvia', command: driver('sweep', block, options), read: own },
      { name: 'netvia, warm', role: 'netvia', command: driver('sweep', block, options, 'warm'), read: own },
      {
        name: 'Go',
        role: 'peer',
        needs: ['go'],
        command: () => lab.inNear(go('sweep'), first, count, inFlight, timeoutMs),
        read: own,
      },
      {
        name: 'fping -i 0',
        role: 'peer',
        needs: ['fping'],
        command: lab.inNear(
          'fping',
          '-a',
          '-i',
          0,
          '-r',
          0,
          '-t',
          timeoutMs,
          '-g',
          first,
          addressAfter(first, count - 1),
        ),
        read: run => ({ items: count, wrong: Math.abs(aliveOf(run) - expected.reply) }),
      },
      {
        name: 'net-ping',
        role: 'peer',
        needs: ['npm:net-ping'],
        command: driver('net-ping', 'sweep', first, count, inFlight, timeoutMs),
        read: own,
      },
    ],
    columns: [
      rate('hosts'),
      cpuPerItem('CPU per host'),
      memory,
      loopHeld,
      { metric: 'wrong', title: 'wrong', unit: '' },
    ],
    chart: {
      metric: 'rate',
      unit: '/s',
      note: 'hosts per second, time limits of silent ones included; more is better',
    },
    targets: [
      { text: 'rate over the limit', metric: 'rate', of: 'netvia', over: 'limit', atLeast: 0.7 },
      { text: 'wrong hosts', metric: 'wrong', of: 'netvia', atMost: 0 },
    ],
  }
}
