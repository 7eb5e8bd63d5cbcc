// Checks the health of several sites: http-health.ts [url …]
// SOURCE (an address) and DEVICE in the environment: only the device decides which uplink is checked.
import { checkHttp } from 'netvia'

const given = process.argv.slice(2)
const urls =
  given.length > 0 ? given : ['https://www.google.com', 'https://www.cloudflare.com', 'https://www.amazon.com']

for (const url of urls) {
  const { ok, status, latencyMs, error } = await checkHttp(url, {
    timeout: 5000,
    localAddress: process.env.SOURCE,
    device: process.env.DEVICE,
  })
  if (ok) console.log(`${url}: ${latencyMs?.toFixed(3)}ms`)
  else console.log(`${url}: FAILED (${error?.code === 'ERR_HTTP_STATUS' ? `bad status: ${status}` : error?.message})`)
}
