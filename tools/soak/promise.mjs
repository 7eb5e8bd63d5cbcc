// Makes calls of every kind through both uplinks, many at once and at random, while devices, addresses, routes and rules come and go.
// Each call has targets of its own. No packet to a target may reach the provider of another device than the call's.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { plan } from '../lab/plan.mjs'
import { authority, serveInternet } from '../lab/servers.mjs'
import { pool } from '../pool.mjs'
import { randomNumbers } from '../random-numbers.mjs'
import { Account } from './account.mjs'
import { calls } from './promise/calls.mjs'
import { isps, keepChanging } from './promise/changes.mjs'
import { prepareTargets, remember, seenBy, targetOf } from './promise/seen.mjs'

const { seconds, atOnce, names, seed = Date.now() >>> 0 } = JSON.parse(process.argv[2])
const devices = Object.keys(isps)
prepareTargets(names.internet)
await serveInternet({ names, server: plan.server })
const account = await Account.open()
/** In MB. V8 keeps what many kinds of calls at the same time took. */
const allowedGrowth = 100
const { pick, chance, below } = randomOf(seed)
/** The device and the kind of the call to which each target belongs, by the target's number. */
const owners = [undefined]
const tally = { calls: 0, failed: 0 }

for (const isp of Object.values(isps)) remember(names[isp])
const end = performance.now() + seconds * 1000
const stop = keepChanging(names, { pick, below })
await pool(atOnce, atOnce, async () => {
  while (performance.now() < end) await call()
})
await stop()
// Ends of connections come late, and the ports of silent name servers stay open for ten seconds.
await sleep(6000)
await judge()

async function call() {
  const name = pick(Object.keys(calls))
  const device = pick(devices)
  const family = pick([4, 6])
  const path = {
    device,
    ...(chance(0.2) && { localAddress: plan[device][`address${family}`] }),
    ...(chance(0.2) && { tos: 16 }),
    ...(chance(0.2) && { mark: 7 }),
    ...(chance(0.3) && { signal: AbortSignal.timeout(Math.ceil(below(300))) }),
  }
  tally.calls++
  const [host, server] = [newTarget(family, device, name), newTarget(family, device, name)]
  const origin = family === 6 ? `[${host}]` : host
  try {
    await calls[name]({ host, server, family, origin, pick, ca: authority }, path)
  } catch {
    tally.failed++
  }
}

function newTarget(family, device, name) {
  return targetOf(owners.push({ device, name }) - 1, family)
}

async function judge() {
  const [wrong, ofKernel] = [{}, {}]
  let all = 0
  for (const [device, isp] of Object.entries(isps)) {
    for (const { kind, seen } of seenBy(names[isp])) {
      all += seen.length
      for (const owner of seen.map(number => owners[number])) {
        if (owner.device === device) continue
        const counts = kind === 'packets' ? wrong : ofKernel
        const what = kind === 'packets' ? `${owner.name} on ${owner.device} through ${device}` : kind
        counts[what] = (counts[what] ?? 0) + 1
      }
    }
  }
  await account.settle(
    `promise: seed ${seed}, ${tally.calls} calls, ${tally.failed} failed, ${all} targets seen, by the kernel itself ` +
      `through the other device ${JSON.stringify(ofKernel)}`,
    wrong,
    allowedGrowth,
  )
  assert.ok(all > (tally.calls - tally.failed) / 2, 'most calls reach their targets')
}

/** Random choices, which depend on the seed alone. */
function randomOf(seed) {
  const next = randomNumbers(seed)
  return {
    pick: list => list[Math.floor(next() * list.length)],
    chance: share => next() < share,
    below: limit => next() * limit,
  }
}
