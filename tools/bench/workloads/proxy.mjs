// `netvia proxy` compared with other SOCKS5 proxies: microsocks (the smallest in C), Dante, one from npm and one in Go.
import { startServer } from '../../lab/namespaces.mjs'
import { cpuPerItem, rate } from './columns.mjs'

/** `port` is that of the first server. Each proxy has its own. */
const servers = {
  bulk: { program: 'serve-bulk', port: 9090 },
  new: { program: 'serve-http', port: 8080 },
  idle: { program: 'serve-http', port: 8180 },
}
const needs = {
  microsocks: ['microsocks'],
  dante: ['danted'],
  'socks5-server': ['npm:@pondwader/socks5-server'],
  Go: ['go'],
}
const memory = { metric: 'proxyMb', title: 'memory of the proxy', unit: 'MB' }
const ours = 'netvia proxy'

const over = (names, metric, text, limit) =>
  names.map(name => ({ text: `${text} over ${name}`, metric, of: ours, over: name, ...limit }))

/**
 * The same proxies for each kind of work. Each proxy has its own server, because thousands of closed connections to a shared one
 * would leave the next proxy few free ports, and connect(2) would take long to find one.
 */
function workload({ lab, baseline, go, driver }, work, counts, rest) {
  const { server: address, device } = lab.plan
  const { program, port } = servers[work]
  const names = ['netvia', ...Object.keys(needs)]
  // A smoke run starts all of them at the same time, so each needs its own port. Clients use ports from 1024.
  const command = (name, index) => () =>
    driver(
      ...['proxy', name, 900 + index, name === 'Go' ? go('socks') : '', work, baseline('socks'), device],
      ...[`${address}:${port + index}`, ...counts],
    )
  return {
    begin: async () => {
      const start = (_, index) => startServer(lab.inFar(baseline(program), address, port + index))
      const ends = await Promise.all(names.map(start))
      return () => Promise.all(ends.map(end => end()))
    },
    contestants: names.map((name, index) => ({
      ...(needs[name] ? { name, role: 'peer', needs: needs[name] } : { name: ours, role: 'netvia' }),
      command: command(name, index),
    })),
    ...rest,
  }
}

export function proxyNew(setup) {
  const count = setup.smoke ? 40 : 4000
  return workload(setup, 'new', [count, 20], {
    title: 'SOCKS5: a tunnel for each HTTP request, 20 at once',
    columns: [rate('tunnels'), cpuPerItem('CPU per tunnel'), memory],
    chart: { metric: 'rate', unit: '/s', note: 'tunnels per second; more is better' },
    targets: over(['socks5-server', 'Go', 'dante', 'microsocks'], 'rate', 'tunnels per second', { atLeast: 1 }),
  })
}

export function proxyBulk(setup) {
  const megabytes = setup.smoke ? 64 : 1024
  return workload(setup, 'bulk', [megabytes], {
    title: `SOCKS5: ${megabytes} MB through one tunnel`,
    columns: [rate('MB'), cpuPerItem('CPU per MB'), memory],
    chart: { metric: 'rate', unit: '/s', note: 'megabytes per second; more is better' },
    targets: [
      ...over(['microsocks'], 'rate', 'rate', { atLeast: 0.8 }),
      ...over(['socks5-server', 'Go'], 'rate', 'rate', { atLeast: 1 }),
    ],
  })
}

export function proxyIdle(setup) {
  const count = setup.smoke ? 40 : 5000
  const shared = workload(setup, 'idle', [count], {
    title: `SOCKS5: ${count.toLocaleString('en')} idle tunnels`,
    columns: [memory, rate('tunnels'), cpuPerItem('CPU per tunnel')],
    chart: { metric: 'proxyMb', unit: 'MB', note: 'memory of the proxy, its own share; less is better' },
    targets: over(['socks5-server', 'dante', 'microsocks'], 'proxyMb', 'memory', { atMost: 1 }),
  })
  // The Go proxy doesn't open that many tunnels within two minutes.
  return { ...shared, contestants: shared.contestants.filter(({ name }) => name !== 'Go') }
}
