// Makes calls of every kind through both uplinks, many at once and at random, while devices, addresses, routes and rules come and go.
// Each call has targets of its own. No packet to a target may reach the provider of another device than the call's.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { authority } from '../lab/servers.mjs'
import { pool } from '../pool.mjs'
import { Account } from './account.mjs'
import { calls } from './promise/calls.mjs'
import { keepChanging } from './promise/changes.mjs'
import { remember, seenBy } from './promise/seen.mjs'

const { seconds, atOnce, names, uplinks, seed = Date.now() >>> 0 } = JSON.parse(process.argv[2])
const isps = { wan1: names.isp1, wan2: names.isp2 }
const devices = Object.keys(isps)
const account = await Account.open()
/** In MB. V8 keeps what many kinds of calls at the same time took. */
const allowedGrowth = 100
const { pick, chance, below } = randomOf(seed)
/** The device and the kind of the call to which each target belongs, by the target's number. */
const owners = [undefined]
const tally = { calls: 0, failed: 0 }

for (const isp of Object.values(isps)) remember(isp)
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
    ...(chance(0.2) && { localAddress: uplinks[device][`address${family}`] }),
    ...(chance(0.2) && { tos: 16 }),
    ...(chance(0.2) && { mark: 7 }),
    ...(chance(0.3) && { signal: AbortSignal.timeout(Math.ceil(below(300))) }),
  }
  tally.calls++
  const [host, server] = [newTarget(family, device, name), newTarget(family, device, name)]
  const origin = family === 6 ? `[${host}]` : host
  try {
    const running = calls[name]({ host, server, family, origin, pick, ca: authority }, path)
    // The call has read its options.
    path.device = devices.find(other => other !== device)
    await running
  } catch {
    tally.failed++
  }
}

function newTarget(family, device, name) {
  const number = owners.push({ device, name }) - 1
  const [high, low] = [number >> 8, number & 255]
  return family === 4
    ? `100.${64 + (high >> 8)}.${high & 255}.${low}`
    : `2001:db8:aaaa::${high.toString(16)}:${low.toString(16)}`
}

/** nftables may leave out `high` if it is 0. */
function ownerOf(target) {
  const parts = target.includes(':') ? target.split('::')[1].split(':') : target.split('.')
  const [low, high = 0, higher = 64] = parts
    .map(part => Number.parseInt(part, target.includes(':') ? 16 : 10))
    .reverse()
  return owners[((higher - 64) << 16) | (high << 8) | low]
}

async function judge() {
  const [wrong, ofKernel] = [{}, {}]
  let seen = 0
  for (const [device, isp] of Object.entries(isps)) {
    for (const { kind, targets } of seenBy(isp)) {
      seen += targets.length
      for (const owner of targets.map(ownerOf)) {
        if (owner.device === device) continue
        const counts = kind === 'packets' ? wrong : ofKernel
        const what = kind === 'packets' ? `${owner.name} on ${owner.device} through ${device}` : kind
        counts[what] = (counts[what] ?? 0) + 1
      }
    }
  }
  await account.settle(
    `promise: seed ${seed}, ${tally.calls} calls, ${tally.failed} failed, ${seen} targets seen, by the kernel itself ` +
      `through the other device ${JSON.stringify(ofKernel)}`,
    wrong,
    allowedGrowth,
  )
  assert.ok(seen > (tally.calls - tally.failed) / 2, 'most calls reach their targets')
}

/** Random choices, which depend on the seed alone (the generator mulberry32). */
function randomOf(state) {
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let value = Math.imul(state ^ (state >>> 15), state | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    pick: list => list[Math.floor(next() * list.length)],
    chance: share => next() < share,
    below: limit => next() * limit,
  }
}
