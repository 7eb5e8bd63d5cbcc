// Servers accept short connections over loopback from a client in another process.
import { cpuPerItem, memory, rate } from './columns.mjs'

export function listen({ smoke, driver }) {
  const connections = smoke ? 500 : 50_000
  return {
    title: `${connections.toLocaleString('en')} short connections accepted, 64 at once, without the first fifth`,
    contestants: [
      { name: 'listen on a device', role: 'netvia', command: driver('listen', 'netvia', connections) },
      { name: 'net.createServer', role: 'baseline', command: driver('listen', 'node', connections) },
    ],
    columns: [rate('connections'), cpuPerItem('CPU per connection'), memory],
    chart: { metric: 'cpuPerItemUs', unit: 'µs', note: 'CPU per connection; less is better' },
    targets: [
      {
        text: 'CPU per connection',
        ...{ metric: 'cpuPerItemUs', of: 'listen on a device', over: 'net.createServer', atMost: 1.1 },
      },
    ],
  }
}
