// A program under `netvia run`, compared with the same program binding its sockets itself.
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startServer } from '../../lab/namespaces.mjs'
import { rate } from './columns.mjs'

const cli = fileURLToPath(new URL('../../../dist/cli.cjs', import.meta.url))
const port = 8082

const under = ({ lab }, ...program) => lab.inNear(process.execPath, cli, 'run', '-I', lab.plan.device, '--', ...program)

export function runSockets(setup) {
  const { lab, smoke, baseline } = setup
  const count = smoke ? 1000 : 50_000
  const ours = 'netvia run'
  const own = 'SO_BINDTODEVICE of its own'
  const socketUs = { metric: 'socketUs', title: 'a socket', unit: 'µs' }
  return {
    title: `Any program: ${count.toLocaleString('en')} sockets opened and closed`,
    contestants: [
      { name: own, role: 'baseline', command: lab.inNear(baseline('sockets'), count, lab.plan.device) },
      { name: ours, role: 'netvia', command: under(setup, baseline('sockets'), count) },
    ],
    columns: [rate('sockets'), socketUs],
    targets: [
      { text: `a socket over ${own}, µs`, metric: 'socketUs', of: ours, over: own, compare: 'difference', atMost: 60 },
    ],
  }
}

export function runBulk(setup) {
  const { lab, smoke } = setup
  const megabytes = smoke ? 64 : 2048
  const { server, device } = lab.plan
  const write = `{"items":${megabytes},"seconds":%{time_total}}\n`
  const curl = (...words) => [
    'curl',
    '-sS',
    '--retry',
    '20',
    '--retry-connrefused',
    '-o',
    '/dev/null',
    '-w',
    write,
    ...words,
    `http://${server}:${port}/file`,
  ]
  const ours = 'netvia run -- curl'
  const own = 'curl --interface'
  return {
    title: `Any program: ${megabytes} MB by curl from nginx`,
    begin: () => serve(lab, megabytes),
    contestants: [
      { name: own, role: 'baseline', needs: ['nginx'], command: lab.inNear(...curl('--interface', `if!${device}`)) },
      { name: ours, role: 'netvia', needs: ['nginx'], command: under(setup, ...curl()) },
    ],
    columns: [rate('MB')],
    targets: [{ text: `rate over ${own}`, metric: 'rate', of: ours, over: own, atLeast: 0.97 }],
  }
}

/** Starts nginx with one file of zeros. */
async function serve({ inFar, plan }, megabytes) {
  const folder = mkdtempSync(join(tmpdir(), 'netvia-bench-'))
  writeFileSync(join(folder, 'file'), '')
  truncateSync(join(folder, 'file'), megabytes * 2 ** 20)
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; pid ${folder}/nginx.pid; events {}
    http { access_log off; sendfile on; server { listen ${plan.server}:${port}; root ${folder}; } }\n`,
  )
  const nginx = `echo ready; exec nginx -p ${folder} -c nginx.conf -e ${folder}/error.log`
  const stop = await startServer(inFar('sh', '-c', nginx))
  return async () => {
    await stop()
    rmSync(folder, { recursive: true })
  }
}
