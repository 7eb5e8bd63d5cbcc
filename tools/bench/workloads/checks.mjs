// The client's cost per check, each on a new connection, for netvia, Go, blackbox_exporter and plain Node.
import { domain, needs, ports, startCheckServers } from '../lib/check-servers.mjs'
import { missing } from '../lib/programs.mjs'
import { cpuPerItem, memory, rate } from './columns.mjs'

const wanted = {
  tcp: [['Go', 1.0]],
  dns: [['Go', 1.2]],
  http: [['Go', 1.3]],
  https: [
    ['Node', 1.1],
    ['blackbox_exporter', 1],
  ],
}

const checksOf = kind => setup => {
  const { lab, smoke, go, driver } = setup
  const { server, device } = lab.plan
  let ca
  const counts = atOnce =>
    smoke ? 100 : { tcp: 8000, dns: 8000, http: 5000, https: 1500 }[kind] / (atOnce === 1 ? 4 : 1)
  const rows = atOnce => {
    const name = client => (atOnce === 1 ? `${client}, 1 at once` : client)
    const args = share => [kind, atOnce, Math.ceil(counts(atOnce) / share), server, device, ca]
    return [
      { name: name('netvia'), role: 'netvia', command: () => driver('checks', 'netvia', ...args(1)) },
      {
        name: name('Go'),
        role: 'peer',
        needs: ['go'],
        command: () => lab.inNear(go('checks'), ...args(1), ports.http, ports.https, domain),
      },
      {
        name: name('blackbox_exporter'),
        role: 'peer',
        needs: ['prometheus-blackbox-exporter'],
        // A fifth of the checks, because it takes five times as long.
        command: () => driver('blackbox', ...args(5)),
      },
      { name: name('Node'), role: 'baseline', command: () => driver('checks', 'node', ...args(1)) },
    ].map(contestant => ({ ...contestant, needs: [...needs, ...(contestant.needs ?? [])] }))
  }
  return {
    title: `${kind.toUpperCase()} checks with a new connection each, 50 at once and 1 at once`,
    begin: async () => {
      if (needs.some(missing)) return undefined
      const servers = await startCheckServers(lab)
      ca = servers.ca
      return servers.stop
    },
    contestants: [...rows(50), ...rows(1)],
    apart: true,
    columns: [
      cpuPerItem('CPU per check'),
      { metric: 'coldCpuUs', title: 'first 200', unit: 'µs' },
      rate('checks'),
      memory,
    ],
    chart: { metric: 'cpuPerItemUs', unit: 'µs', note: 'CPU per check; less is better' },
    targets: [
      ...wanted[kind].map(([over, atMost]) => ({
        text: 'CPU per check',
        metric: 'cpuPerItemUs',
        of: 'netvia',
        over,
        atMost,
      })),
      {
        text: 'CPU per check of the first 200 over the later',
        ...{ metric: 'coldCpuUs', of: 'netvia', over: 'netvia', overMetric: 'cpuPerItemUs', atMost: 2 },
      },
    ],
  }
}

export const checksTcp = checksOf('tcp')
export const checksDns = checksOf('dns')
export const checksHttp = checksOf('http')
export const checksHttps = checksOf('https')
