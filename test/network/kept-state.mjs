// A monitor saves its states to a file, and another one restores them. Run by confinement.test.ts. Argument: the file.
import { once } from 'node:events'
import { UplinkMonitor } from 'netvia'

const stateFile = process.argv[2]
const warnings = []
function makeMonitor() {
  const uplinks = [{ name: 'fibre', device: 'lo', checks: [{ type: 'ping', host: '127.0.0.1' }] }]
  return new UplinkMonitor({ interval: 50, up: 1, stateFile, uplinks }).on('warning', ({ message }) =>
    warnings.push(message),
  )
}

const monitor = makeMonitor()
monitor.start()
await once(monitor, 'state')
await monitor.stop()
const { state } = makeMonitor().snapshot().uplinks[0]
await new Promise(setImmediate)
console.log(JSON.stringify({ state, warnings }))
