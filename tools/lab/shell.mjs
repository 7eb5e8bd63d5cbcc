// `npm run lab` creates the laboratory that the tests use, opens a shell in its router, and removes everything afterwards.
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { compile } from '../build/compile.mjs'
import { root } from '../root.mjs'
import { makeLab } from './build.mjs'
import { whyNoLab } from './namespaces.mjs'
import { serveInternet } from './servers.mjs'

const missing = whyNoLab()
if (missing) console.error(missing)
if (missing || !compile()) process.exit(1)
// The shell receives SIGINT too and decides what to do. The laboratory ends when the shell does.
process.on('SIGINT', () => {})
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))

const lab = makeLab()
const { names, folder, wan1, wan2, server, slow, crowd } = lab
const inside = host => `ip netns exec ${names[host]}`
await serveInternet(lab)

console.log(`
                        wan1 ┌──────┐
                  ┌──────────┤ isp1 ├──────────┐
            ┌─────┴──┐       └──────┘       ┌──┴───────┐
            │ router │                      │ internet │  ${server.address4}  ${server.address6}  ${server.name}
            └─┬───┬──┘       ┌──────┐       └──┬───────┘  ${crowd}: every address answers
              │   └──────────┤ isp2 ├──────────┘
              │         wan2 └──────┘
              │ slow0  ┌───────┐  ┌──────┐
              └────────┤ relay ├──┤ slow │  ${slow.address4}  ${slow.address6}
                       └───────┘  └──────┘

  wan1  ${wan1.address4}  ${wan1.address6}  gateway ${wan1.gateway4}  ${wan1.gateway6}   the default route
  wan2  ${wan2.address4}  ${wan2.address6}  gateway ${wan2.gateway4}  ${wan2.gateway6}   the second one

This shell runs in the router. To run a command on another host:
${Object.keys(names)
  .map(host => `  ${inside(host)} …`)
  .join('\n')}

${server.name} has DNS, HTTP, HTTPS and echo (port 7, TCP and UDP). For example:
  netvia http -c 5 -I wan1 -I wan2 https://${server.name}/
  netvia ping -c 3 -I wan2 ${server.name}
  netvia trace -I wan2 ${server.address4}
  netvia sweep -a -I wan2 10.64.0.0/28
  netvia scan ${server.name}
  netvia dns -I wan1 -I wan2 ${server.name} AAAA
  netvia ping -c 3 --source ${wan2.address4} ${server.address4}   # wan2's address, but still through wan1: see "ip -s link show wan1"

A monitor of both uplinks shows an outage of wan1 and its end:
  netvia monitor -c ${root}tools/lab/uplinks.yaml
  ${inside('isp1')} ip route add blackhole ${server.address4}   # in another terminal
  ${inside('isp1')} ip route del blackhole ${server.address4}

A slow line:
  ${inside('relay')} node ${root}tools/lab/relay.mjs '{"delayMs":10,"jitterMs":5,"loss":0.1}' &
  netvia ping -c 20 -i 0.2 ${slow.address4}

"exit" removes everything.
`)

const shell = spawn('ip', ['netns', 'exec', names.router, process.env.SHELL || 'sh'], {
  stdio: 'inherit',
  env: {
    ...process.env,
    PATH: `${commandFolder()}:${process.env.PATH}:${dirname(process.execPath)}`,
    NODE_EXTRA_CA_CERTS: join(root, 'test/lab/certificates/ca.pem'),
  },
})
shell.on('exit', code => process.exit(code ?? 1))

/** Creates the folder in which the shell finds `netvia`. It is removed with the laboratory. */
function commandFolder() {
  const commands = join(folder, 'bin')
  mkdirSync(commands)
  const script = `#!/bin/sh\nexec "${process.execPath}" "${root}dist/cli.cjs" "$@"\n`
  writeFileSync(join(commands, 'netvia'), script, { mode: 0o755 })
  return commands
}
