// A monitor with routes that follow it. Run by routing.test.ts. Argument: the uplinks as JSON. Prints what it has set, or the error.
import { once } from 'node:events'
import { UplinkMonitor, UplinkRouting } from 'netvia'

const monitor = new UplinkMonitor({ interval: 100, recoveryInterval: 30, up: 1, uplinks: JSON.parse(process.argv[2]) })
const ended = once(process, 'SIGTERM')
monitor.start()
const routing = new UplinkRouting(monitor)
try {
  await routing.start()
  console.log(JSON.stringify(routing.snapshot()))
  await ended
} catch ({ code, hint }) {
  console.log(JSON.stringify({ code, hint }))
}
await routing.stop()
await monitor.stop()
