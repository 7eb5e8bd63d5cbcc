// The servers that the demo and the laboratory check: TCP and UDP echo, DNS, HTTP and HTTPS, on one address.
// As a program it takes addresses as arguments, serves them on the usual ports until it is killed, and prints "ready".
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer as createTcpServer, isIPv4 } from 'node:net'
import { fileURLToPath } from 'node:url'
import dnsPacket from 'dns-packet'
import { startServer } from './namespaces.mjs'

export const name = 'server.test'
const certificates = new URL('../../test/lab/certificates/', import.meta.url)
export const authority = readFileSync(new URL('ca.pem', certificates))

export const usualPorts = { tcp: 7, udp: 7, dns: 53, http: 80, https: 443 }

/** Runs all servers on the laboratory's internet host until this process ends. */
export function serveInternet({ names, server }) {
  const program = [process.execPath, fileURLToPath(import.meta.url), server.address4, server.address6]
  return startServer(['ip', 'netns', 'exec', names.internet, ...program])
}

/** Uses the `wanted` ports, or free ones. The DNS server answers questions for `name` with the `known` addresses. */
export async function startServers(address, wanted = {}, known = [address]) {
  const pem = file => readFileSync(new URL(file, certificates))
  const hello = (_, response) => response.end('hello from the demo\n')
  const tcp = createTcpServer(socket => socket.on('error', () => {}).pipe(socket))
  const http = createHttpServer(hello)
  const https = createHttpsServer({ key: pem('server.key'), cert: pem('server.pem') }, hello)
  const udp = createSocket(isIPv4(address) ? 'udp4' : 'udp6')
  udp.on('message', (message, { port, address }) => udp.send(message, port, address))
  const dns = createSocket(isIPv4(address) ? 'udp4' : 'udp6')
  dns.on('message', (message, peer) => dns.send(answer(dnsPacket.decode(message), known), peer.port, peer.address))

  const servers = { tcp, http, https, udp, dns }
  const ports = {}
  for (const [key, server] of Object.entries(servers)) {
    if ('bind' in server) server.bind(wanted[key] ?? 0, address)
    else server.listen(wanted[key] ?? 0, address)
    await once(server, 'listening')
    ports[key] = server.address().port
  }
  const close = () => {
    for (const server of Object.values(servers)) server.close()
  }
  return { ports, close }
}

function answer({ id, questions }, known) {
  const [{ name: asked, type }] = questions
  const own = asked.toLowerCase() === name
  return dnsPacket.encode({
    type: 'response',
    id,
    flags: dnsPacket.AUTHORITATIVE_ANSWER | (own ? 0 : 3),
    questions,
    answers: known
      .filter(address => own && type === (isIPv4(address) ? 'A' : 'AAAA'))
      .map(data => ({ type, name: asked, ttl: 60, data })),
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const addresses = process.argv.slice(2)
  await Promise.all(addresses.map(address => startServers(address, usualPorts, addresses)))
  console.log('ready')
}
