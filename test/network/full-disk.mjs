// A monitor whose state file is on a full disk. Run by confinement.test.ts. Argument: a small, empty file system.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { UplinkMonitor } from 'netvia'

const folder = process.argv[2]
const stateFile = `${folder}/state.json`

async function runUntil(state, check) {
  const warnings = []
  const uplinks = [{ name: 'fibre', device: 'lo', checks: [check] }]
  const monitor = new UplinkMonitor({ interval: 50, up: 1, down: 1, stateFile, uplinks })
  monitor.on('warning', ({ error }) => warnings.push(error.code))
  monitor.start()
  while (monitor.snapshot().uplinks[0].state !== state) await new Promise(resolve => setTimeout(resolve, 20))
  await monitor.stop()
  return warnings
}

const before = await runUntil('up', { type: 'ping', host: '127.0.0.1' })
const saved = readFileSync(stateFile, 'utf8')
try {
  for (let i = 0; ; i++) writeFileSync(`${folder}/fill-${i}`, Buffer.alloc(4096))
} catch (error) {
  if (error.code !== 'ENOSPC') throw error
}
// A new state to save: nobody listens on this port, so the uplink goes down.
const warnings = await runUntil('down', { type: 'tcp', host: '127.0.0.1', port: 1 })
const left = readdirSync(folder).filter(name => name.endsWith('.tmp'))
const whole = existsSync(stateFile) && readFileSync(stateFile, 'utf8') === saved
console.log(JSON.stringify({ before, warnings: [...new Set(warnings)], whole, left }))
