import { fileURLToPath } from 'node:url'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { readConfig } from '../../src/cli/monitor/config.js'
import { UplinkMonitor } from '../../src/monitor/monitor.js'
import type { StateEvent } from '../../src/monitor/record/event-types.js'
import { atEnd, httpServer, lab, needs } from '../lab/index.js'
import { runWithInput } from '../lab/processes.js'

needs('nft', 'nginx', 'dnsmasq')

const example = fileURLToPath(new URL('../../examples/router/uplinks.yaml', import.meta.url))
const patience = { timeout: 30_000, interval: 50 }
/** Each provider hosts one of the name servers that the example pings. */
const pinged = { isp1: '192.0.2.53', isp2: '198.51.100.53' } as const

beforeAll(async () => {
  for (const host of ['isp1', 'isp2'] as const) {
    lab.run(host, 'ip', 'address', 'add', `${pinged[host]}/32`, 'dev', 'lo')
    atEnd(() => lab.run(host, 'ip', 'address', 'del', `${pinged[host]}/32`, 'dev', 'lo'))
  }
  await lab.dnsmasq([`host-record=connectivity.example.com,${lab.server.address4}`])
  await lab.nginx(httpServer('location = /generate_204 { return 204; }'))
})

/** The unchanged example configuration, except for the intervals and the state file. */
function watch() {
  const { stateFile: _file, ...options } = readConfig(example)
  const monitor = new UplinkMonitor({ ...options, interval: 50, failureInterval: 50 })
  const changes: StateEvent[] = []
  monitor.on('state', event => changes.push(event))
  onTestFinished(() => monitor.stop())
  monitor.start()
  return { changes, states: () => monitor.snapshot().uplinks.map(({ state }) => state) }
}

/** Starts a captive portal at fibre's provider, which answers requests to these ports itself. Returns a function that opens it. */
async function portal(answer: string, ports: string): Promise<() => void> {
  await lab.nginx(`server { listen 8080; location / { ${answer} } }`, 'isp1')
  const hook = 'type nat hook prerouting priority dstnat'
  runWithInput('isp1', `table ip portal { chain rules { ${hook}; iifname "customer" ${ports}; }\n}\n`, 'nft', '-f', '-')
  let isClosed = true
  const open = () => {
    if (isClosed) lab.run('isp1', 'nft', 'delete', 'table', 'ip', 'portal')
    isClosed = false
  }
  atEnd(open)
  return open
}

const signIn = 'return 200 "<html>Please sign in";'
const web = 'tcp dport 80 redirect to :8080'
/** The portal page's own address isn't redirected. It answers with 204. */
const names = `udp dport 53 redirect to :53; iifname "customer" ip daddr ${lab.wan1.gateway4} ${web}`

test.each([
  ['a redirect to its page', web, 'return 302 http://login.example/;', 302, ' (login.example)'],
  ['its page in place of every other', web, signIn, 200, ''],
  ['its own address for every name', names, signIn, 200, ''],
])(
  'a portal that answers with %s takes down only its own uplink, until it opens',
  async (_kind, ports, answer, status, where) => {
    const { changes, states } = watch()
    await expect.poll(states, patience).toEqual(['up', 'up'])
    await lab.dnsmasq([`address=/#/${lab.wan1.gateway4}`], { host: 'isp1', addresses: [lab.wan1.gateway4] })
    const open = await portal(answer, ports)
    await expect.poll(states, patience).toEqual(['down', 'up'])
    const down = changes.find(({ to }) => to === 'down')!
    expect(down).toMatchObject({ uplink: 'fibre', from: 'up' })
    const [, check, what] = /^\d+ bad rounds in a row: (.*): (.*)$/.exec(down.reason)!
    expect(check).toBe('http http://connectivity.example.com/generate_204')
    expect(what).toBe(`the status is ${status}, expected 204; this looks like a captive portal${where}`)
    open()
    await expect.poll(states, patience).toEqual(['up', 'up'])
    expect(changes.filter(({ uplink, to }) => uplink === 'lte' && to === 'down')).toEqual([])
  },
  60_000,
)
