// `npm run demo` shows netvia's main purpose, end to end. As root with iproute2 it uses a simulated router with two uplinks, otherwise
// loopback. The exit code is 0 only if everything worked.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { compile } from '../build/compile.mjs'
import { makeLab } from '../lab/build.mjs'
import { whyNoLab } from '../lab/namespaces.mjs'

if (!compile()) process.exit(1)
const { loopbackDemo } = await import('./loopback.mjs')
const missing = whyNoLab()
let good = await loopbackDemo()

if (missing) {
  console.log(`\nSkipped the router with two uplinks: ${missing}.`)
  console.log('To see it: sudo npm run demo (with iproute2 installed).')
} else {
  console.log('')
  const lab = makeLab()
  const script = fileURLToPath(new URL('uplinks.mjs', import.meta.url))
  const demo = spawn('ip', ['netns', 'exec', lab.names.router, process.execPath, script], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, NETVIA_LAB: JSON.stringify(lab) },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => {
      demo.kill(signal)
      process.exit(1)
    })
  }
  const [code] = await once(demo, 'exit')
  good &&= code === 0
}
process.exit(good ? 0 : 1)
