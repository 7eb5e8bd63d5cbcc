// Probes for Prometheus: `netvia exporter` and the real blackbox_exporter with the same configuration file.
import { startServer } from '../../lab/namespaces.mjs'
import { cpuPerItem, rate } from './columns.mjs'

const port = 8080
const atOnce = 10

export function exporter({ lab, smoke, baseline, driver }) {
  const { server } = lab.plan
  const [warmUp, probes] = smoke ? [10, 20] : [2000, 1000]
  const modules = { http: `http://${server}:${port}/`, tcp: `${server}:${port}`, icmp: server }
  const names = { netvia: module => `netvia exporter, ${module}`, blackbox: module => `blackbox_exporter, ${module}` }
  const contestant = (which, role, module, needs = []) => ({
    name: names[which](module),
    role,
    needs,
    command: driver('exporter', which, module, modules[module], warmUp, probes, atOnce),
  })
  const all = Object.keys(modules)
  return {
    title: `An exporter's probes, ${atOnce} at once, after ${warmUp.toLocaleString('en')} to warm up`,
    begin: () => startServer(lab.inFar(baseline('serve-http'), server, port)),
    contestants: all.flatMap(module => [
      contestant('netvia', 'netvia', module),
      contestant('blackbox', 'peer', module, ['prometheus-blackbox-exporter']),
    ]),
    columns: [
      rate('probes'),
      cpuPerItem('CPU per probe'),
      { metric: 'exporterMb', title: 'peak memory of the exporter', unit: 'MB' },
    ],
    chart: { metric: 'cpuPerItemUs', unit: 'µs', note: 'CPU of the exporter per probe; less is better' },
    targets: [
      ...all.map(module => ({
        text: `CPU per probe over blackbox_exporter, ${module}`,
        metric: 'cpuPerItemUs',
        of: names.netvia(module),
        over: names.blackbox(module),
        atMost: 1,
      })),
      ...all.map(module => ({
        text: `rate over blackbox_exporter, ${module}`,
        metric: 'rate',
        of: names.netvia(module),
        over: names.blackbox(module),
        atLeast: 1,
      })),
    ],
  }
}
