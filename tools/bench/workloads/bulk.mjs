// Reads a TCP stream through a bound socket and through a plain one.
import { startServer } from '../../lab/namespaces.mjs'
import { cpuPerItem, memory, rate } from './columns.mjs'

const port = 9090

export function bulk({ lab, smoke, baseline, driver }) {
  const megabytes = smoke ? 64 : 4096
  const { server, device } = lab.plan
  return {
    title: `TCP bulk: ${megabytes} MB read`,
    begin: () => startServer(lab.inFar(baseline('serve-bulk'), server, port)),
    contestants: [
      { name: 'limit', role: 'limit', command: lab.inNear(baseline('bulk'), server, port, megabytes) },
      { name: 'net.connect', role: 'baseline', command: driver('bulk', 'node', server, port, megabytes) },
      {
        name: 'connect on a device',
        role: 'netvia',
        command: driver('bulk', 'netvia', server, port, megabytes, device),
      },
    ],
    columns: [rate('MB'), cpuPerItem('CPU per MB'), memory],
    chart: { metric: 'rate', unit: '/s', note: 'megabytes per second; more is better' },
    targets: [
      { text: 'rate over plain net', metric: 'rate', of: 'connect on a device', over: 'net.connect', atLeast: 0.98 },
    ],
  }
}
