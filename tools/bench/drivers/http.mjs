// Sends concurrent HTTP requests over keep-alive connections, or each over a new connection.
// http.mjs <client> <address> <port> <at once> <requests> <keep|new> [device]
import { get, Agent as NodeAgent } from 'node:http'
import { pool } from '../../pool.mjs'
import { peer, stopwatch } from './common.mjs'

const [client, address, port, atOnce, requests, mode, device] = process.argv.slice(2)
const url = `http://${address}:${port}/`
// The defaults of netvia's agents and of http.globalAgent. An agent with a limit keeps connections for queued requests.
const maxSockets = mode === 'keep' ? Number(atOnce) : Number.POSITIVE_INFINITY
const agentOptions = { keepAlive: mode === 'keep', maxSockets, scheduling: 'lifo', timeout: 5000 }
const dispatcherOptions = { connections: Number(atOnce) }
// undici always keeps connections. `reset` makes it close the connection after the request.
const reset = mode === 'new'

const clients = {
  node: () => byAgent(new NodeAgent(agentOptions)),
  netvia: async () => {
    const { HttpAgent } = await import('netvia')
    return byAgent(new HttpAgent({ ...agentOptions, device }))
  },
  undici: () => {
    const { Agent, request } = peer('undici')
    return byDispatcher(request, new Agent(dispatcherOptions))
  },
  'netvia/undici': async () => {
    const { createDispatcher } = await import('netvia/undici')
    const { request } = await import('undici')
    return byDispatcher(request, createDispatcher({ ...dispatcherOptions, device }))
  },
  fetch: () => async () => {
    const response = await fetch(url, reset ? { headers: { connection: 'close' } } : {})
    await response.arrayBuffer()
  },
}

function byAgent(agent) {
  const options = { agent, host: address, port: Number(port), path: '/' }
  return () =>
    new Promise((resolve, reject) => {
      get(options, response => response.resume().on('end', resolve)).on('error', reject)
    })
}

function byDispatcher(request, dispatcher) {
  return async () => {
    const { body } = await request(url, { dispatcher, reset })
    await body.dump()
  }
}

const request = await clients[client]()
await request()
const done = stopwatch()
await pool(Number(requests), Number(atOnce), request)
done({ items: Number(requests) })
process.exit(0)
