// Generates the pictures in README.md from real runs: `node tools/docs/picture.mjs [demo|mtr|page …]`. It needs root. The page takes
// four minutes and needs chromium.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { compile } from '../build/compile.mjs'
import { makeNetwork } from './pictures/network.mjs'
import { terminalImage } from './pictures/terminal.mjs'

const path = name => fileURLToPath(new URL(name, import.meta.url))
const node = process.execPath
const netvia = path('../../dist/cli.cjs')
const pictures = { demo, mtr, page }
const chosen = process.argv.slice(2)
const uplinks = `uplinks:
  - name: fibre
    device: wan1
    priority: 1
    checks: &checks
      - { type: ping, host: 203.0.113.1 }
      - { type: http, url: http://203.0.113.1/ }
  - name: lte
    device: wan2
    priority: 2
    checks: *checks
`

if (!compile()) process.exit(1)
for (const name of chosen.length ? chosen : Object.keys(pictures)) await pictures[name]()
process.exit(0)

/** The demo's table, as text in README.md. */
function demo() {
  const output = execFileSync(node, [path('../demo/run.mjs')], { encoding: 'utf8' })
  const [text] = /A router with two uplinks.*/s.exec(output)
  const readme = path('../../README.md')
  const [begin, end] = ['<!-- picture: demo, made by tools/docs/picture.mjs -->', '<!-- end of picture -->']
  const [before, rest] = readFileSync(readme, 'utf8').split(begin)
  const after = rest.slice(rest.indexOf(end))
  writeFileSync(readme, `${before}${begin}\n\n\`\`\`text\n${text.trim()}\n\`\`\`\n\n${after}`)
}

/** `netvia mtr` over both uplinks. wan2 loses packets. */
async function mtr() {
  const names = await makeNetwork()
  const args = ['mtr', '--report', '-c', '60', '-I', 'wan1', '-I', 'wan2', 'server.test']
  const output = execFileSync('ip', ['netns', 'exec', names.router, node, netvia, ...args], {
    encoding: 'utf8',
    env: { ...process.env, FORCE_COLOR: '1', COLUMNS: '80' },
  })
  writeFileSync(path('../../docs/pictures/mtr.svg'), terminalImage(`$ netvia ${args.join(' ')}\n${output}`))
}

/** The live page after four minutes, with a past outage of wan1 that its device didn't show. */
async function page() {
  const names = await makeNetwork()
  const inside = (host, ...command) => ['netns', 'exec', names[host], ...command]
  const file = join(mkdtempSync(join(tmpdir(), 'netvia-picture-')), 'uplinks.yaml')
  writeFileSync(file, uplinks)
  const monitor = spawn(
    'ip',
    inside('router', node, netvia, 'monitor', '-c', file, '--no-socket', '--listen', '9777'),
    {
      stdio: 'ignore',
    },
  )
  await sleep(120_000)
  execFileSync('ip', inside('isp1', 'ip', 'route', 'add', 'blackhole', '203.0.113.1'))
  await sleep(25_000)
  execFileSync('ip', inside('isp1', 'ip', 'route', 'del', 'blackhole', '203.0.113.1'))
  await sleep(95_000)
  const image = path('../../docs/pictures/page.png')
  execFileSync('ip', inside('router', node, path('pictures/page.mjs'), 'http://127.0.0.1:9777/', image))
  monitor.kill()
  await once(monitor, 'exit')
}
