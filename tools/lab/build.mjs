// Creates the laboratory that the tests, the demo, the soak and `npm run lab` share. Needs no compiled code.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addLink, applySysctls, batch, makeNamespaces } from './namespaces.mjs'
import { deviceCommands, hostSysctls, hosts, links, plan, routes, sysctls } from './plan.mjs'

/** Creates a laboratory. It is removed when this process ends. */
export function makeLab() {
  const { id, names } = makeNamespaces(hosts)
  const folder = mkdtempSync(join(tmpdir(), `${id}-`))
  writeResolvConf(names.router)
  for (const host of hosts) applySysctls(names[host], { ...sysctls, ...hostSysctls[host] })
  for (const ends of links) addLink(...ends.map(({ host, ...end }) => ({ ...end, namespace: names[host] })))
  const repairs = hosts.map(host => [names[host], deviceCommands(host)])
  for (const [host, commands] of Object.entries(routes)) repairs.push([names[host], commands])
  for (const [name, commands] of repairs) batch(name, commands)
  return labContext({ folder, names, repairs })
}

/** The description of a laboratory that tests read from the environment variable NETVIA_LAB (test/lab/context.ts). */
export function labContext(run) {
  return { ...plan, ...run }
}

/** `ip netns exec` mounts this file over /etc/resolv.conf in the namespace. */
function writeResolvConf(namespace) {
  const folder = join('/etc/netns', namespace)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'resolv.conf'), `nameserver ${plan.server.address4}\nsearch test\n`)
}
