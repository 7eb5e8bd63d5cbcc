// Runs checks of four kinds, each once every ten seconds: check-fleet.mjs <client> <checks> <seconds> <address> <device> <ca>
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { startBlackbox } from '../lib/blackbox.mjs'
import { netviaChecks } from '../lib/netvia-checks.mjs'

const [client, checksText, secondsText, address, device, ca] = process.argv.slice(2)
const [checks, seconds] = [Number(checksText), Number(secondsText)]
const kinds = ['tcp', 'dns', 'http', 'https']
const intervalMs = 10_000

const clients = {
  async netvia() {
    const byKind = await netviaChecks({ address, device, ca: readFileSync(ca, 'utf8') })
    const check = async (kind, index) => {
      const result = await byKind[kind](index)
      if (!result.ok) throw result.error
    }
    const cpuSeconds = () => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1e6
    }
    return { check, cpuSeconds, report: () => ({}) }
  },
  // With the V8 flag that a program with little memory can set.
  'netvia-small'() {
    setFlagsFromString('--semi-space-growth-factor=1')
    return clients.netvia()
  },
  async blackbox() {
    const { probe, cpuSeconds, memoryMb } = await startBlackbox({ address, ca, port: 9003, atOnce: 100 })
    return { check: probe, cpuSeconds, report: () => ({ memoryMb: memoryMb() }) }
  },
}

const { check, cpuSeconds, report } = await clients[client]()
const [begin, cpu] = [performance.now(), cpuSeconds()]
let items = 0
await Promise.all(
  Array.from({ length: checks }, async (_, index) => {
    for (let at = (index / checks) * intervalMs; at < seconds * 1000; at += intervalMs) {
      await sleep(Math.max(0, begin + at - performance.now()))
      await check(kinds[index % kinds.length], index)
      items++
    }
  }),
)
const took = (performance.now() - begin) / 1000
console.log(JSON.stringify({ items, seconds: took, cpuSeconds: cpuSeconds() - cpu, ...report() }))
process.exit(0)
