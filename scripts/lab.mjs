// The laboratory by hand: `npm run lab` makes what the tests run in, opens a shell in its router, and removes it all after.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { makeLab, whyNoLab } from '../test/lab/build.mjs'

const missing = whyNoLab()
if (missing) {
  console.error(missing)
  process.exit(1)
}
// The shell sees them too, and decides: here it is the end of the shell that ends the laboratory.
process.on('SIGINT', () => {})
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))

const root = fileURLToPath(new URL('..', import.meta.url))
const { names, wan1, wan2, server, slow, crowd } = makeLab()
const inside = host => `ip netns exec ${names[host]}`

console.log(`
                        wan1 ┌──────┐
                  ┌──────────┤ isp1 ├──────────┐
            ┌─────┴──┐       └──────┘       ┌──┴───────┐
            │ router │                      │ internet │  ${server.address4}  ${server.address6}
            └─┬───┬──┘       ┌──────┐       └──┬───────┘  ${crowd}: every address answers
              │   └──────────┤ isp2 ├──────────┘
              │         wan2 └──────┘
              │ slow0  ┌───────┐  ┌──────┐
              └────────┤ relay ├──┤ slow │  ${slow.address4}  ${slow.address6}
                       └───────┘  └──────┘

  wan1  ${wan1.address4}  ${wan1.address6}  gateway ${wan1.gateway4}  ${wan1.gateway6}   the default route
  wan2  ${wan2.address4}  ${wan2.address6}  gateway ${wan2.gateway4}  ${wan2.gateway6}   the second one

This shell is in the router. In the others:
${Object.keys(names)
  .map(host => `  ${inside(host)} …`)
  .join('\n')}

For example:
  ping -c 3 -I wan2 ${server.address4}
  ping -c 3 -I ${wan2.address4} ${server.address4}      # wan2's address, and yet by wan1: watch
  ip -s link show wan1
  ${inside('isp1')} nft 'add table inet f; add chain inet f c { type filter hook forward priority 0; }; add rule inet f c icmp type echo-request drop'
  ${inside('relay')} node ${root}test/lab/relay-process.mjs '{"delayMs":10,"jitterMs":5,"loss":0.1}' &
  ping -c 3 ${slow.address4}                              # once the relay runs

"exit" removes everything.
`)

const shell = spawn('ip', ['netns', 'exec', names.router, process.env.SHELL || 'sh'], { stdio: 'inherit' })
shell.on('exit', code => process.exit(code ?? 1))
