// Lists the open ports of a host: port-scanner.ts [host] [ports] [milliseconds]; DEVICE in the environment.
import { scanPorts } from 'netvia'

const [host = 'scanme.nmap.org', ports = '1-1024', timeout = '500'] = process.argv.slice(2)

const open = await scanPorts(host, { ports, timeout: Number(timeout), device: process.env.DEVICE }).open()

console.log(`Open ports on ${host}:`)
for (const port of open) console.log(`  Port ${port}: OPEN`)
