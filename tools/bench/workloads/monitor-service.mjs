// The cost of `netvia monitor` with 200 uplinks on a router, with its page open.
import { startServer } from '../../lab/namespaces.mjs'
import { cpu, memory } from './columns.mjs'

const [pagePort, servicePort] = [8080, 9777]

export function monitorService({ lab, smoke, baseline, driver }) {
  const [uplinks, seconds] = smoke ? [20, 1] : [200, 30]
  const { server, devices, crowd } = lab.plan
  const page = `http://${server}:${pagePort}/`
  const contestant = (name, place, kind) => ({
    ...{ name, role: 'netvia', limitMs: (seconds + 60) * 1000 },
    command: driver('monitor-service', servicePort + place, kind, uplinks, seconds, crowd, page, ...devices),
  })
  const names = ['a ping each', 'two pings and a page each']
  return {
    title: `netvia monitor, ${uplinks} uplinks checked once a second, its page open, for ${seconds} s`,
    begin: () => startServer(lab.inFar(baseline('serve-http'), server, pagePort)),
    contestants: [contestant(names[0], 0, 'ping'), contestant(names[1], 1, 'all')],
    columns: [
      ...[cpu, { metric: 'cpuPercent', title: 'of a core', unit: '%' }, memory],
      { metric: 'reply', title: 'uplinks up', unit: '' },
    ],
    targets: [
      { text: 'peak memory, MB', metric: 'memoryMb', of: names[0], atMost: 120 },
      { text: 'CPU, % of a core', metric: 'cpuPercent', of: names[0], atMost: 8 },
    ],
  }
}
