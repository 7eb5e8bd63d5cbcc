// Steady probing, first undisturbed and then during a flood of echo replies that match no probe. Neither the CPU time nor the results
// may differ.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { sweep } from 'netvia'
import { median } from '../bench/lib/statistics.mjs'
import { startServer } from '../lab/namespaces.mjs'
import { Account, cpuSeconds, Tally } from './account.mjs'
import { fleet, verdictOf } from './crowds.mjs'

const { victim, flooder, rate, seconds, kinds, smoke } = JSON.parse(process.argv[2])
const targets = 1000
const mostCpu = 1.5

const account = await Account.open()
const wrong = {}
// Warm up, so that V8's compilation doesn't count as CPU time of the undisturbed run.
await probe(kinds[0])
for (const kind of kinds) {
  const peace = await probe(kind)
  const stop = await startServer([...flooder, victim, String(rate)])
  const flood = await probe(kind)
  stop()
  console.log(`${kind} socket, undisturbed: ${words(peace)}`)
  console.log(
    `${kind} socket, ${Math.round(flood.foreign / seconds).toLocaleString('en')} foreign replies/s: ${words(flood)}`,
  )
  Object.assign(wrong, peace.tally.wrong, flood.tally.wrong)
  assert.ok(flood.foreign > (rate * seconds) / 10, 'the flood must arrive')
  assert.ok(smoke || flood.cpu < peace.cpu * mostCpu, `the flood multiplied CPU time by ${flood.cpu / peace.cpu}`)
}
await account.settle('flood of foreign replies', wrong)

async function probe(kind) {
  const before = { cpu: cpuSeconds(), wakes: wakes(), replies: repliesReceived() }
  const tally = new Tally()
  const times = []
  const alive = fleet(2 * targets, address => verdictOf(address) === 'reply')
  const probing = sweep(alive, { kind, rate: targets, timeout: 900 })
  for await (const { address, outcome, rttMs } of probing) {
    tally.add(outcome, verdictOf(address))
    if (outcome === 'reply') times.push(rttMs)
    if (tally.total === targets * seconds) break
  }
  return {
    tally,
    rttMs: median(times),
    cpu: cpuSeconds() - before.cpu,
    wakes: wakes() - before.wakes,
    foreign: repliesReceived() - before.replies - tally.total,
    dropped: probing.progress.dropped,
  }
}

function words({ tally, rttMs, cpu, wakes, dropped }) {
  return `${tally}, CPU ${cpu.toFixed(2)} s, woken ${wakes} times, RTT ${rttMs.toFixed(3)} ms, ${dropped} dropped`
}

function wakes() {
  return process.resourceUsage().voluntaryContextSwitches
}

/** All echo replies that the kernel received in this namespace. */
function repliesReceived() {
  const [names, values] = readFileSync('/proc/net/snmp', 'utf8')
    .match(/^Icmp: .*$/gm)
    .map(line => line.split(' '))
  return Number(values[names.indexOf('InEchoReps')])
}
