// netvia's checks of each kind, bound to the device.
import { nameOf, ports } from './check-servers.mjs'

/** A function for each kind of check. It takes the index of the check and resolves with netvia's result. */
export async function netviaChecks({ address, device, ca }) {
  const { checkTcp, checkDns, checkHttp } = await import('netvia')
  const servers = [address]
  const tls = { ca }
  return {
    tcp: () => checkTcp({ host: address, port: ports.http, device }),
    dns: index => checkDns(nameOf(index), { servers, device }),
    http: () => checkHttp(`http://${address}:${ports.http}/`, { device }),
    https: () => checkHttp(`https://${address}:${ports.https}/`, { device, tls }),
  }
}
