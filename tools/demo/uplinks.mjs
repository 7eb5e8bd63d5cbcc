// The demo on a router with two uplinks. It runs in the laboratory's router namespace.
// It runs each check twice, bound to wan2's source address and bound to device wan2, and counts the packets of both devices.
import { device } from 'netvia'
import { serveInternet, usualPorts } from '../lab/servers.mjs'
import { checks } from './checks.mjs'
import { printTable } from './table.mjs'

const lab = JSON.parse(process.env.NETVIA_LAB)
const { wan1, wan2, server } = lab

await serveInternet(lab)
const rows = []
let wrong = 0
for (const [what, check] of Object.entries(checks(server.address4, usualPorts))) {
  for (const [how, path, out, quiet] of [
    [`source address ${wan2.address4}`, { localAddress: wan2.address4 }, wan1, wan2],
    [`device ${wan2.device}`, { device: wan2.device }, wan2, wan1],
  ]) {
    const before = await sent()
    const result = await check(path).catch(error => ({ error }))
    const after = await sent()
    const moved = name => after[name] - before[name]
    const asExpected = !result.error && moved(out.device) > 0 && moved(quiet.device) === 0
    if (!asExpected) wrong++
    const verdict = result.error
      ? `FAILED: ${result.error.message}`
      : moved('wan1') > 0
        ? 'wrong uplink'
        : 'right uplink'
    const time = result.error ? '' : `${result.ms.toFixed(3)} ms`
    rows.push([how.startsWith('source') ? what : '', how, moved('wan1'), moved('wan2'), verdict, time])
  }
}

console.log(
  `A router with two uplinks: wan1 (default route), wan2 (second). Checks of ${server.address4}, meant to go out through wan2.`,
)
console.log('Packets sent by each device, counted by the kernel:\n')
printTable(['check', 'bound to', 'wan1', 'wan2', 'used the', 'time'], rows)
console.log(
  wrong === 0
    ? '\nA source address does not choose the outgoing device: the routing table does. A device does.'
    : `\n${wrong} of ${rows.length} checks did not do what they should.`,
)
process.exit(wrong === 0 ? 0 : 1)

/** Waits until no packet is sent for 50 ms, then returns the counts. The last packets of a connection follow its end. */
async function sent() {
  for (let last; ; await new Promise(resolve => setTimeout(resolve, 50))) {
    const [first, second] = await Promise.all([device('wan1'), device('wan2')])
    const now = { wan1: first.counters.txPackets, wan2: second.counters.txPackets }
    if (last?.wan1 === now.wan1 && last.wan2 === now.wan2) return now
    last = now
  }
}
