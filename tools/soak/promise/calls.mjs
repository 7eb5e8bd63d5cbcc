// Every kind of call that sends packets. Each gets a `host` and a name `server` that no other call has, and the options of a path.
import { once } from 'node:events'
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  checkDns,
  checkHttp,
  checkPing,
  checkTcp,
  connect,
  connectTls,
  createLookup,
  HttpAgent,
  openIcmp,
  openUdp,
  openUdpPackets,
  pathMtu,
  ping,
  pings,
  resolve,
  scanPorts,
  sweep,
  sweepPorts,
  traceroute,
  traceroutes,
} from 'netvia'
import { createDispatcher, fetch } from 'netvia/undici'

const name = 'server.test'
const timeout = 700
const text = Buffer.from('hello')

export const calls = {
  ping: ({ host }, path) => ping(host, { ...path, timeout }),
  pings: ({ host }, path) => drain(pings(host, { ...path, count: 3, interval: 20, timeout })),
  sweep: ({ host, server }, path) => drain(sweep([host, server], { ...path, timeout, retries: 1 })),
  traceroute: ({ host, pick }, path) =>
    drain(traceroute(host, { ...path, method: pick(['icmp', 'udp', 'tcp']), timeout, maxHops: 4 })),
  traceroutes: ({ host }, path) => drain(traceroutes(host, { ...path, count: 2, interval: 100, timeout, maxHops: 4 })),
  pathMtu: ({ host }, path) => pathMtu(host, { ...path, timeout }),
  scanPorts: ({ host }, path) => drain(scanPorts(host, { ...path, ports: '5-9,80,443', timeout })),
  sweepPorts: ({ host, server }, path) => drain(sweepPorts([host, server], { ...path, ports: '7,80', timeout })),
  checkPing: ({ host }, path) => checkPing(host, { ...path, interval: 20, timeout }),
  checkTcp: ({ host }, path) => checkTcp({ ...path, host, port: 80, timeout }),
  checkDns: ({ server }, path) => checkDns(name, { ...path, servers: [server], timeout }),
  checkHttp: ({ origin }, path) => checkHttp(`http://${origin}/`, { ...path, timeout }),
  checkHttps: ({ origin, ca }, path) =>
    checkHttp(`https://${origin}/`, { ...path, timeout, tls: { ca, servername: name } }),
  resolve: ({ server, family }, path) => resolve(name, { ...path, servers: [server], family, timeout }),
  createLookup: ({ server }, path) =>
    new Promise(resolve => createLookup({ ...path, servers: [server], timeout })(name, { all: true }, resolve)),
  connect: ({ host, pick }, path) =>
    exchange(connect({ ...path, host, port: 7, timeout }), pick, ['end', 'destroy', 'resetAndDestroy']),
  connectTls: ({ host, pick, ca }, path) =>
    exchange(connectTls({ ...path, host, port: 443, timeout, ca, servername: name }), pick, ['end', 'destroy']),
  openUdp: ({ host, family, pick }, path) => sendOpenUdp(openUdp({ ...path, family }), host, pick),
  openUdpPackets: ({ host, family }, path) =>
    sendAndClose(openUdpPackets({ ...path, family }), socket => socket.send(text, 7, host)),
  openIcmp: ({ host, family }, path) =>
    sendAndClose(openIcmp({ ...path, family }), socket =>
      socket.send({ family, kind: 'echo-request', identifier: 1, sequence: 1, payload: text }, host),
    ),
  agent: ({ host, pick }, { signal, ...path }) =>
    askTwice(new HttpAgent({ ...path, keepAlive: pick([true, false]), timeout }), { host, port: 80, timeout, signal }),
  fetch: async ({ origin }, path) => {
    const response = await fetch(`http://${origin}/`, { signal: AbortSignal.timeout(timeout), ...path })
    await response.text()
  },
  createDispatcher: async ({ origin }, { signal = AbortSignal.timeout(timeout), ...path }) => {
    const dispatcher = createDispatcher(path)
    const { body } = await dispatcher.request({ origin: `http://${origin}`, path: '/', method: 'GET', signal })
    await body.dump()
    await dispatcher.close()
  },
}

async function drain(results) {
  for await (const _ of results);
}

/** Ends the connection in one of the ways, before or after an answer. */
async function exchange(connecting, pick, ways) {
  const [way, waits] = [pick(ways), pick([true, false])]
  const socket = await connecting
  socket.on('error', () => {}).resume()
  socket.write('hello\r\n\r\n')
  if (waits) await Promise.race([once(socket, 'data').catch(() => {}), sleep(timeout)])
  socket[way]()
  // The other end may be out of reach.
  setTimeout(() => socket.destroy(), 2000)
}

async function sendOpenUdp(opening, host, pick) {
  const isConnected = pick([true, false])
  const socket = await opening
  socket.on('error', () => {})
  const close = once(socket, 'close')
  try {
    if (isConnected)
      await new Promise((resolve, reject) => socket.connect(7, host, error => (error ? reject(error) : resolve())))
    for (let i = 0; i < 2; i++) {
      await Promise.race([close, new Promise(resolve => socket.send(text, ...(isConnected ? [] : [7, host]), resolve))])
      await sleep(100)
    }
    socket.close()
  } catch (error) {
    // The signal or the loss of the device may have closed it.
    if (error.code !== 'ERR_SOCKET_DGRAM_NOT_RUNNING') socket.close()
    throw error
  }
}

async function sendAndClose(opening, send) {
  const socket = await opening
  socket.on('error', () => {})
  try {
    await send(socket)
    await sleep(100)
  } finally {
    socket.close()
  }
}

async function askTwice(agent, options) {
  for (let i = 0; i < 2; i++) {
    await new Promise(resolve => {
      const asked = request({ ...options, agent }, response => response.resume().on('close', resolve))
      asked
        .on('timeout', () => asked.destroy())
        .on('error', resolve)
        .end()
    })
  }
  agent.destroy()
}
