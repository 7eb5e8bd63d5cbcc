// HTTP responses of 64 bytes, 50 requests at once: agents bound to a device, compared with the same agents without a device.
import { startServer } from '../../lab/namespaces.mjs'
import { cpuPerItem, memory, rate } from './columns.mjs'

const port = 8080
const atOnce = 50

export const httpKept = setup =>
  http(setup, {
    title: 'HTTP over kept connections',
    mode: 'keep',
    requests: setup.smoke ? 200 : 20_000,
    atLeast: 0.98,
  })

export const httpNew = setup =>
  http(setup, {
    title: 'HTTP with a new connection each',
    mode: 'new',
    requests: setup.smoke ? 100 : 6000,
    atLeast: 0.85,
  })

function http({ lab, baseline, go, driver }, { title, mode, requests, atLeast }) {
  const { server, device } = lab.plan
  const client = (name, role, which, onDevice, share = 1) => ({
    name,
    role,
    command: driver(
      'http',
      which,
      server,
      port,
      atOnce,
      Math.ceil(requests / share),
      mode,
      ...(onDevice ? [device] : []),
    ),
  })
  const limits =
    mode === 'keep'
      ? [{ name: 'limit', role: 'limit', command: lab.inNear(baseline('http'), server, port, atOnce, requests * 5) }]
      : []
  const over = (of, over) => ({ text: 'rate over the same without a device', metric: 'rate', of, over, atLeast })
  return {
    title: `${title}: 64 bytes, ${atOnce} at once`,
    begin: () => startServer(lab.inFar(baseline('serve-http'), server, port)),
    contestants: [
      ...limits,
      client('http.Agent', 'baseline', 'node'),
      client('HttpAgent on a device', 'netvia', 'netvia', true),
      client('HttpAgent', 'netvia', 'netvia'),
      client('undici', 'baseline', 'undici'),
      client('dispatcher on a device', 'netvia', 'netvia/undici', true),
      client('dispatcher', 'netvia', 'netvia/undici'),
      // A fifth of the requests, because it takes five times as long.
      client('global fetch', 'peer', 'fetch', false, 5),
      {
        name: 'Go',
        role: 'peer',
        needs: ['go'],
        command: () => lab.inNear(go('http'), `http://${server}:${port}/`, atOnce, requests, mode),
      },
    ],
    columns: [rate('requests'), cpuPerItem('CPU per request'), memory],
    chart: { metric: 'rate', unit: '/s', note: 'requests per second; more is better' },
    targets: [over('HttpAgent on a device', 'http.Agent'), over('dispatcher on a device', 'undici')],
  }
}
