// UDP echo through a bound socket and through a plain one.
import { startServer } from '../../lab/namespaces.mjs'
import { cpuPerItem, memory, rate } from './columns.mjs'

const port = 7000

export function udp({ lab, smoke, baseline, driver }) {
  const count = smoke ? 5000 : 100_000
  const { server, device } = lab.plan
  return {
    title: 'UDP echo: 64 bytes, 64 in flight',
    begin: () => startServer(lab.inFar(baseline('serve-udp'), server, port)),
    contestants: [
      { name: 'limit', role: 'limit', command: lab.inNear(baseline('udp'), server, port, count) },
      { name: 'dgram', role: 'baseline', command: driver('udp', 'node', server, port, count) },
      { name: 'openUdp on a device', role: 'netvia', command: driver('udp', 'netvia', server, port, count, device) },
    ],
    columns: [rate('echoes'), cpuPerItem('CPU per echo'), memory, { metric: 'lost', title: 'lost', unit: '' }],
    chart: { metric: 'rate', unit: '/s', note: 'echoes per second; more is better' },
    targets: [
      { text: 'rate over plain dgram', metric: 'rate', of: 'openUdp on a device', over: 'dgram', atLeast: 0.98 },
    ],
  }
}
