// A router with two uplinks to one server. wan1 is a good line, wan2 a lossy one. Both lead to a transit provider. The laboratory's
// relay adds delay and loss, because most CI kernels lack netem.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { addLink, applySysctls, batch, makeNamespaces, startServer } from '../../lab/namespaces.mjs'
import { sysctls } from '../../lab/plan.mjs'

const program = name => fileURLToPath(new URL(name, import.meta.url))
const server = '203.0.113.1'
const lines = {
  wan1: { delayMs: 4, jitterMs: 1 },
  wan2: { delayMs: 14, jitterMs: 12, loss: 0.07 },
}

const hosts = {
  router: [
    'address add 192.0.2.2/24 dev wan1',
    'address add 198.51.100.2/24 dev wan2',
    'route add default via 192.0.2.1 metric 100',
    'route add default via 198.51.100.1 metric 200',
  ],
  line1: [],
  line2: [],
  isp1: ['address add 192.0.2.1/24 dev customer', 'address add 10.1.0.1/24 dev core', 'route add default via 10.1.0.2'],
  isp2: [
    'address add 198.51.100.1/24 dev customer',
    'address add 10.2.0.1/24 dev core',
    'route add default via 10.2.0.2',
  ],
  transit: [
    'address add 10.1.0.2/24 dev isp1',
    'address add 10.2.0.2/24 dev isp2',
    'address add 10.3.0.1/24 dev server',
    // All replies come from one address, like a router's loopback address.
    'route add 192.0.2.0/24 via 10.1.0.1 src 10.3.0.1',
    'route add 198.51.100.0/24 via 10.2.0.1 src 10.3.0.1',
    `route add ${server}/32 via 10.3.0.2`,
  ],
  server: ['address add 10.3.0.2/24 dev transit', `address add ${server}/32 dev lo`, 'route add default via 10.3.0.1'],
}

const cables = [
  ['router wan1', 'line1 near'],
  ['line1 far', 'isp1 customer'],
  ['router wan2', 'line2 near'],
  ['line2 far', 'isp2 customer'],
  ['isp1 core', 'transit isp1'],
  ['isp2 core', 'transit isp2'],
  ['transit server', 'server transit'],
]

/** Creates the network, which is removed when this process ends. Returns the namespace of each host by its name. */
export async function makeNetwork() {
  const { names } = makeNamespaces(Object.keys(hosts))
  for (const name of Object.values(names)) applySysctls(name, sysctls)
  for (const [number, ends] of cables.entries()) {
    const [left, right] = ends.map((end, side) => {
      const [host, device] = end.split(' ')
      return { namespace: names[host], device, mac: `02:00:00:01:0${number}:0${side + 1}` }
    })
    addLink(left, right)
  }
  for (const [host, commands] of Object.entries(hosts)) {
    const devices = cables.flat().filter(end => end.startsWith(`${host} `))
    const up = ['lo', ...devices.map(end => end.split(' ')[1])].map(device => `link set ${device} up`)
    batch(names[host], [...up, ...commands])
  }
  const folder = join('/etc/netns', names.router)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'resolv.conf'), `nameserver ${server}\n`)
  const start = (host, file, argument) =>
    startServer(['ip', 'netns', 'exec', names[host], process.execPath, program(file), argument])
  await start('line1', '../../lab/relay.mjs', JSON.stringify(lines.wan1))
  await start('line2', '../../lab/relay.mjs', JSON.stringify(lines.wan2))
  await start('server', '../../lab/servers.mjs', server)
  return names
}
