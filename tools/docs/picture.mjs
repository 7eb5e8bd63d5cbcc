// Puts the pictures into README.md, from real runs: the command over two uplinks of which one is slow, and the demo's table on
// the router with two uplinks. Needs root.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { compile } from '../build/compile.mjs'
import { makeLab } from '../lab/build.mjs'
import { serveInternet } from '../lab/servers.mjs'

const path = name => fileURLToPath(new URL(name, import.meta.url))
const readme = path('../../README.md')

if (!compile()) process.exit(1)
write(
  'demo',
  /A router with two uplinks.*/s.exec(
    execFileSync(process.execPath, [path('../demo/run.mjs')], { encoding: 'utf8' }),
  )[0],
)
write('uplinks', await comparison())
process.exit(0)

function write(name, text) {
  const [begin, end] = [`<!-- picture: ${name}, made by tools/docs/picture.mjs -->`, '<!-- end of picture -->']
  const [before, rest] = readFileSync(readme, 'utf8').split(begin)
  const after = rest.slice(rest.indexOf(end))
  writeFileSync(readme, `${before}${begin}\n\n\`\`\`text\n${text.trim()}\n\`\`\`\n\n${after}`)
}

/** `netvia http` in the laboratory: wan2 is a line of 500 kbit/s, both ways. */
async function comparison() {
  const lab = makeLab()
  const { names, server } = lab
  const inside = (host, ...command) => ['netns', 'exec', names[host], ...command]
  for (const [host, device] of [
    ['router', 'wan2'],
    ['isp2', 'customer'],
  ]) {
    const slow = ['root', 'tbf', 'rate', '500kbit', 'burst', '1600', 'latency', '1s']
    execFileSync('ip', inside(host, 'tc', 'qdisc', 'add', 'dev', device, ...slow))
  }
  await serveInternet(lab)
  const args = ['http', '-c', '5', '-I', 'wan1', '-I', 'wan2', `https://${server.name}/`]
  const environment = { NODE_EXTRA_CA_CERTS: path('../../test/lab/certificates/ca.pem'), COLUMNS: '90', NO_COLOR: '1' }
  const output = execFileSync('ip', inside('router', process.execPath, path('../../dist/cli.cjs'), ...args), {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  })
  return `$ netvia ${args.join(' ')}\n${output}`
}
