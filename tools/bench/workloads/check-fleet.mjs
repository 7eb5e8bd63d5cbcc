// A thousand checks of four kinds, each once every ten seconds, as a router or a probe runs them all day.
import { needs, startCheckServers } from '../lib/check-servers.mjs'
import { missing } from '../lib/programs.mjs'
import { cpu, cpuPerItem, memory } from './columns.mjs'

const small = 'netvia, small young generation'

export function checkFleet({ lab, smoke, driver }) {
  const { server, device } = lab.plan
  const [checks, seconds] = smoke ? [20, 1] : [1000, 30]
  let ca
  const contestant = (name, role, client, more = []) => ({
    name,
    role,
    needs: [...needs, ...more],
    command: () => driver('check-fleet', client, checks, seconds, server, device, ca),
  })
  return {
    title: `${checks.toLocaleString('en')} checks of four kinds every 10 s, for ${seconds} s from the start of the program`,
    begin: async () => {
      if (needs.some(missing)) return undefined
      const servers = await startCheckServers(lab)
      ca = servers.ca
      return servers.stop
    },
    contestants: [
      contestant('netvia', 'netvia', 'netvia'),
      contestant(small, 'netvia', 'netvia-small'),
      contestant('blackbox_exporter', 'peer', 'blackbox', ['prometheus-blackbox-exporter']),
    ],
    apart: true,
    columns: [cpu, cpuPerItem('CPU per check'), memory],
    chart: { metric: 'cpuSeconds', unit: 's', note: 'CPU; less is better' },
    targets: [
      { text: 'CPU', metric: 'cpuSeconds', of: 'netvia', over: 'blackbox_exporter', atMost: 1 },
      { text: 'CPU', metric: 'cpuSeconds', of: small, over: 'blackbox_exporter', atMost: 1 },
      { text: 'peak memory, MB', metric: 'memoryMb', of: 'netvia', atMost: 75 },
      { text: 'peak memory, MB', metric: 'memoryMb', of: small, atMost: 75 },
    ],
  }
}
