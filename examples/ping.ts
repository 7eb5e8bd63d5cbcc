// Pings several hosts: ping.ts [host …]; DEVICE in the environment.
import { ping } from 'netvia'

const given = process.argv.slice(2)
const hosts = given.length > 0 ? given : ['8.8.8.8', '1.1.1.1', '9.9.9.9']

for (const host of hosts) {
  try {
    const result = await ping(host, { timeout: 2000, device: process.env.DEVICE })
    if (result.outcome === 'reply') console.log(`${host}: ${result.rttMs.toFixed(2)}ms`)
    else console.log(`${host}: FAILED (${result.reason ?? result.outcome})`)
  } catch (error) {
    console.log(`${host}: FAILED (${(error as Error).message})`)
  }
}
