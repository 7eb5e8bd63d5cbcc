// The demo's checks over a path: every protocol of netvia against the demo's servers. Each resolves with a time and text for the
// table, or throws.
import { once } from 'node:events'
import { checkHttp, checkTcp, openUdp, ping, resolve } from 'netvia'
import { authority, name } from '../lab/servers.mjs'

export function checks(address, ports) {
  return {
    async 'ICMP ping'(path) {
      const { outcome, reason, rttMs, ttl } = await ping(address, path)
      if (outcome !== 'reply') throw new Error(reason ?? outcome)
      return { ms: rttMs, said: `reply, ttl ${ttl}` }
    },
    async TCP(path) {
      const { ok, latencyMs, error, localAddress } = await checkTcp({ host: address, port: ports.tcp, ...path })
      if (!ok) throw error
      return { ms: latencyMs, said: `connected from ${localAddress}` }
    },
    async UDP(path) {
      const socket = await openUdp({ family: address.includes(':') ? 6 : 4, ...path })
      const started = performance.now()
      socket.send('hello', ports.udp, address)
      try {
        const [message] = await once(socket, 'message', { signal: AbortSignal.timeout(2000) })
        return { ms: performance.now() - started, said: `echo "${message}"` }
      } finally {
        socket.close()
      }
    },
    async DNS(path) {
      const started = performance.now()
      const [found] = await resolve(name, { servers: [`${address}:${ports.dns}`], family: 4, ...path })
      return { ms: performance.now() - started, said: `${name} is ${found.address}` }
    },
    async HTTP(path) {
      return httpSays(await checkHttp(`http://${address}:${ports.http}/`, path))
    },
    async HTTPS(path) {
      const servers = [`${address}:${ports.dns}`]
      return httpSays(await checkHttp(`https://${name}:${ports.https}/`, { servers, tls: { ca: authority }, ...path }))
    },
  }
}

function httpSays({ ok, status, latencyMs, certificate, error }) {
  if (!ok) throw error
  const days = certificate ? `, certificate good for ${Math.floor(certificate.daysLeft)} days` : ''
  return { ms: latencyMs, said: `status ${status}${days}` }
}
