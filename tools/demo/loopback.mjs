// The demo without root: every protocol over device "lo", against servers that the demo starts.
import { privileges } from 'netvia'
import { startServers } from '../lab/servers.mjs'
import { checks } from './checks.mjs'
import { printTable } from './table.mjs'

export async function loopbackDemo() {
  const { ports, close } = await startServers('127.0.0.1')
  const rows = []
  let failed = 0
  try {
    for (const [what, check] of Object.entries(checks('127.0.0.1', ports))) {
      try {
        const { ms, said } = await check({ device: 'lo' })
        rows.push([what, 'ok', `${ms.toFixed(3)} ms`, said])
      } catch (error) {
        const notAllowed = what === 'ICMP ping' && ['EACCES', 'EPERM'].includes(error.code)
        if (!notAllowed) failed++
        rows.push([what, notAllowed ? 'not allowed' : 'FAILED', '', notAllowed ? 'see below' : error.message])
      }
    }
  } finally {
    close()
  }
  console.log('Checks bound to device "lo" (SO_BINDTODEVICE), against servers of this process on 127.0.0.1:\n')
  printTable(['check', 'result', 'time', 'answer'], rows)
  await explain()
  return failed === 0
}

async function explain() {
  const missing = Object.entries(await privileges()).filter(([, privilege]) => privilege?.allowed === false)
  if (missing.length === 0) return
  console.log('\nPermissions that this process lacks, and how to grant them:\n')
  for (const [what, { reason, fix }] of missing) console.log(`  ${what}: ${reason}${fix ? `\n      ${fix}` : ''}`)
}
