// Runs the checks of checks.mjs through blackbox_exporter, and reports only the exporter's own CPU time and memory.
// blackbox.mjs <kind> <at once> <checks> <address> <device> <ca>
import { pool } from '../../pool.mjs'
import { startBlackbox } from '../lib/blackbox.mjs'

const [kind, atOnceText, checksText, address, , ca] = process.argv.slice(2)
const [atOnce, checks] = [Number(atOnceText), Number(checksText)]
// A smoke run starts several of these at the same time, so each needs its own port.
const blackbox = await startBlackbox({ address, ca, port: 9000 + atOnce, atOnce })
const probe = () => blackbox.probe(kind)
await pool(300, atOnce, probe)
const [begin, cpu] = [performance.now(), blackbox.cpuSeconds()]
await pool(checks, atOnce, probe)
const seconds = (performance.now() - begin) / 1000
const report = { items: checks, seconds, cpuSeconds: blackbox.cpuSeconds() - cpu, memoryMb: blackbox.memoryMb() }
console.log(JSON.stringify(report))
process.exit(0)
