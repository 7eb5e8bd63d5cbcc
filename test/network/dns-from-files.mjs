// Prints the result of one lookup over a device. It runs where /etc/resolv.conf and /run belong to the test. See dns-faults.test.ts.
import { resolve } from '../../dist/index.js'

const { device, servers } = JSON.parse(process.argv[2])
const start = performance.now()
const end = facts => console.log(JSON.stringify({ ...facts, ms: performance.now() - start }))
try {
  const found = await resolve('server.test', { device, family: 4, timeout: 30_000, servers })
  end({ addresses: found.map(({ address }) => address) })
} catch ({ code, message, hint }) {
  end({ code, message, hint })
}
