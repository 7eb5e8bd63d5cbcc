// Load tests and long runs, as root with iproute2 and nftables:
// `npm run soak [-- fleet|sweep|connections|flood|monitor|page|multipath|promise …] [--minutes N] [--smoke]`
// They run in the laboratory's router, print their figures in one line, and fail for a wrong verdict, a leaked descriptor or growing
// memory. --minutes sets the duration of the fleet, the promise and the monitor, 10 by default. --smoke runs a small version of each, in
// seconds.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { compile } from '../build/compile.mjs'
import { makeLab } from '../lab/build.mjs'
import { whyNoLab } from '../lab/namespaces.mjs'
import { prepare } from './crowds.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '10' }, smoke: { type: 'boolean', default: false } },
})
const { smoke } = values
const seconds = Number(values.minutes) * 60

const missing = whyNoLab() ?? (compile() ? undefined : 'the library does not compile')
if (missing || !(seconds > 0)) {
  console.error(missing ?? '--minutes must be a number above 0')
  process.exit(1)
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))

const lab = makeLab()
prepare(lab)
const inside = host => ['netns', 'exec', lab.names[host], process.execPath]
const script = name => fileURLToPath(new URL(`${name}.mjs`, import.meta.url))
const elsewhere = name => ['ip', ...inside('internet'), script(name)]
const { device, address4 } = lab.wan2
const isp2 = lab.names.isp2
const silence = 'table inet outage { chain silent { type filter hook forward priority 0; drop; }; }'
const cutOf = isp => ({
  cut: `ip netns exec ${lab.names[isp]} nft '${silence}'`,
  mend: `ip netns exec ${lab.names[isp]} nft delete table inet outage`,
})
const path = { device, localAddress: address4, host: lab.server.address4, server: elsewhere('serve') }

const works = {
  fleet: smoke ? { targets: 1000, seconds: 3 } : { targets: 10_000, seconds },
  sweep: smoke ? { block: '10.0.0.0/16', concurrency: 30_000 } : { block: '10.0.0.0/8', concurrency: 30_000 },
  connections: { count: smoke ? 500 : 10_000, ...path },
  flood: {
    ...{ victim: lab.wan1.address4, flooder: elsewhere('foreign-replies') },
    ...(smoke
      ? { rate: 20_000, seconds: 1, kinds: ['raw'] }
      : { rate: 100_000, seconds: 20, kinds: ['raw', 'datagram'] }),
  },
  page: { host: lab.server.address4, ...(smoke ? { seconds: 2, uplinks: 20 } : { seconds: 10, uplinks: 100 }) },
  multipath: {
    ...{ cuts: smoke ? 4 : 100, limits: { active: 250, backup: 500 }, server: elsewhere('stream') },
    ...{ hosts: [lab.server.address4, lab.server.address6], outages: { wan1: cutOf('isp1'), wan2: cutOf('isp2') } },
  },
  promise: {
    names: lab.names,
    ...(smoke ? { seconds: 5, atOnce: 8 } : { seconds, atOnce: 24 }),
  },
  // Last, because a device loses its IPv6 addresses and routes when its cable is pulled.
  monitor: {
    ...{ host: lab.server.address4, servers: { lines: elsewhere('serve'), page: elsewhere('website') } },
    ...(smoke
      ? { seconds: 2, period: 1, interval: 100, timeout: 500 }
      : { seconds, period: 60, interval: 250, timeout: 2000 }),
    // A pulled cable, and silent loss behind it.
    outages: [
      { cut: `ip -n ${isp2} link set customer down`, mend: `ip -n ${isp2} link set customer up` },
      cutOf('isp2'),
    ],
  },
}

let failed = false
for (const name of positionals.length ? positionals : Object.keys(works)) {
  const options = JSON.stringify({ ...works[name], smoke })
  const child = spawn('ip', [...inside('router'), script(name), options], { stdio: ['ignore', 'inherit', 'inherit'] })
  const [status] = await once(child, 'exit')
  console.log(`${status === 0 ? 'passed' : 'FAILED'} ${name}`)
  failed ||= status !== 0
}
process.exit(failed ? 1 : 0)
