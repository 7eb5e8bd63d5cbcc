// Sequential connections to nginx: how long a caller waits for each.
import { needs, ports, startCheckServers } from '../lib/check-servers.mjs'
import { missing } from '../lib/programs.mjs'
import { cpuPerItem, memory } from './columns.mjs'

export function connect({ lab, smoke, driver }) {
  const { server, device } = lab.plan
  const connections = smoke ? 50 : 4000
  const contestant = (name, role, client) => ({
    ...{ name, role, needs },
    command: driver('connect', client, connections, server, ports.http, device),
  })
  return {
    title: 'One TCP connection after the other: from the call to the connection',
    begin: async () => (needs.some(missing) ? undefined : (await startCheckServers(lab)).stop),
    contestants: [contestant('connect on a device', 'netvia', 'netvia'), contestant('net.connect', 'baseline', 'node')],
    apart: true,
    columns: [{ metric: 'latencyUs', title: 'latency, median', unit: 'µs' }, cpuPerItem('CPU per connection'), memory],
    chart: { metric: 'latencyUs', unit: 'µs', note: 'from the call to the connection; less is better' },
    targets: [
      {
        text: 'latency over plain net',
        ...{ metric: 'latencyUs', of: 'connect on a device', over: 'net.connect', atMost: 1.2 },
      },
    ],
  }
}
