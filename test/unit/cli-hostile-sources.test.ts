import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { ProbeLog } from '../../src/cli/exporter/log.js'
import { exposition, ProbeMetrics } from '../../src/cli/exporter/metrics.js'
import { csvLines } from '../../src/cli/mtr/csv.js'
import { csvLine } from '../../src/cli/shared/output/csv.js'
import type { RouteStatistics } from '../../src/index.js'
import { type Ended, netvia } from './cli-process.js'
import { fileOf } from './monitor-command.js'
import { makeCertificate } from './odd-certificates.js'

/** A colour, a window title, a C1 control, a direction mark, and a forged output line. */
const hostile = 'a\x1b[31mred\x1b]0;title\x07\x9b2J\u202eevil\u2028\r\nforged: line'
/** Characters that must not reach a terminal. */
const commands = /[^\P{Cc}\n]|[\p{Zl}\p{Zp}\p{Bidi_Control}]/u
/** netvia's own colours. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the test looks for control characters
const colours = /\x1b\[(?:1|2|22|31|32|33|36|39)m/g

/** Starts a server on a Unix socket that answers each line with `answer`. */
async function monitorSocket(answer: object): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'netvia-hostile-'))
  const server = createServer(socket =>
    socket.on('error', () => {}).once('data', () => socket.end(`${JSON.stringify(answer)}\n`)),
  )
  onTestFinished(() => {
    server.close()
    rmSync(folder, { recursive: true })
  })
  await once(server.listen(join(folder, 's')), 'listening')
  return join(folder, 's')
}

const uplink = {
  ...{ name: hostile, device: hostile, priority: 1, weight: 1, state: 'down', since: 0, reason: hostile },
  ...{
    lossRatio: null,
    latencyMs: null,
    checks: [{ type: hostile }],
    linkFault: hostile,
    flapping: false,
    metered: null,
  },
  ...{ statistics: [{ p50Ms: 1 }, { p50Ms: 1 }], remarks: [hostile], forced: null },
}
const counts = { connections: 1, open: 1, failures: 1, bytesSent: 1, bytesReceived: 1 }
const status = {
  ...{ at: 0, inUse: hostile, keepsForces: false },
  uplinks: [uplink, { ...uplink, name: 'b', forced: { state: 'up', until: null, why: hostile } }],
  proxy: { clients: 1, refused: 0, uplinks: { [hostile]: counts } },
}

async function httpServer(headers: string): Promise<number> {
  const server = createServer(socket => {
    socket.on('error', () => {}).once('data', () => socket.end(Buffer.from(`${headers}\r\n\r\n`, 'latin1')))
  })
  onTestFinished(() => void server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

async function tlsServer(): Promise<number> {
  const certificate = makeCertificate({
    subject: `/CN=a\x1b[31m\u009b2J\u202e`,
    extensions: 'subjectAltName=DNS:a\x1b[31m.test',
  })
  const server = createTlsServer(certificate, socket => {
    socket.on('error', () => {}).once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
  })
  server.on('tlsClientError', () => {})
  onTestFinished(() => void server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

/** The same text with YAML's escapes for double-quoted strings. */
const inYaml = '"a\\e[31mred\\a\\u009b2J\\u202eevil\\u2028\\r\\nforged: line"'
const yaml = (text: string) => fileOf(text)
const check = 'checks: [{ type: tcp, host: 127.0.0.1, port: 9 }]'

/** Commands that print foreign text, with the pattern of the escaped output without `--json`. */
const sources: [string, () => Promise<string[]> | string[], RegExp][] = [
  ['status', async () => ['status', '--socket', await monitorSocket({ status })], /a\\x1b\[31mred/],
  [
    'an error of the monitor',
    async () => ['status', '--socket', await monitorSocket({ error: { code: hostile, message: hostile } })],
    /a\\x1b\[31mred/,
  ],
  [
    'an uplink that status does not know',
    async () => ['status', '--socket', await monitorSocket({ status }), 'x'],
    /a\\x1b\[31mred/,
  ],
  ['force', async () => ['force', '--socket', await monitorSocket({ status }), 'b', 'up'], /a\\x1b\[31mred/],
  [
    'a reason of a web server',
    async () => ['http', `http://127.0.0.1:${await httpServer('HTTP/1.1 500 \x9b2J\xff')}/`, '-v'],
    /500/,
  ],
  [
    'a redirect to another scheme',
    async () => ['http', `http://127.0.0.1:${await httpServer('HTTP/1.1 302 x\r\nLocation: x\x9b2J:y')}/`],
    /redirect/,
  ],
  [
    'a redirect to a name',
    async () => [
      'http',
      `http://127.0.0.1:${await httpServer('HTTP/1.1 302 x\r\nLocation: http://127.0.0.1:1/\x9b2J')}/`,
    ],
    /127\.0\.0\.1:1/,
  ],
  ['a certificate', async () => ['http', '-v', '-k', `https://127.0.0.1:${await tlsServer()}/`], /certificate of /],
  [
    'a certificate of another name',
    async () => ['http', `https://127.0.0.1:${await tlsServer()}/`],
    /certificate|self/,
  ],
  [
    'keys of a configuration',
    () => ['monitor', '-c', yaml(`${inYaml}: 1\nuplinks: [{ name: a, ${check} }]\n`)],
    /\\(x1b|u001b)\[31mred/,
  ],
  [
    'values of a configuration',
    () => ['monitor', '-c', yaml(`uplinks: [{ name: ${inYaml}, device: ${inYaml}, ${check} }]\n`)],
    /\\(x1b|u001b)\[31mred/,
  ],
  [
    'two uplinks of a name',
    () => ['proxy', '-c', yaml(`uplinks: [{ name: ${inYaml}, ${check} }, { name: ${inYaml}, ${check} }]\n`)],
    /\\(x1b|u001b)\[31mred/,
  ],
  [
    'modules of an exporter',
    () => ['exporter', '-c', yaml(`modules: { ${inYaml}: { prober: ${inYaml} } }\n`)],
    /\\(x1b|u001b)\[31mred/,
  ],
  [
    'a file of targets',
    () => ['sweep', '-f', fileOf('a\x1b[31m\u009b2J\u202e\n', 'targets')],
    /a\\x1b\[31m\\x9b2J\\u202e/,
  ],
  [
    'the name of a file',
    () => ['proxy', '--users-file', '/nowhere/a\x1b[31mred\x9b\u202e'],
    /a\\x1b\[31mred\\x9b\\u202e/,
  ],
  [
    'a line of users',
    () => ['proxy', '--listen', '0', '--users-file', fileOf('\x1b[31m\u202e\n', 'users')],
    /lines of name:password/,
  ],
]

test.each(sources)(
  '%s: foreign text is neither a terminal command nor a separate line',
  async (_what, argsOf, shown) => {
    const args = await argsOf()
    const spoken = ({ stdout, stderr }: Ended) => stdout + stderr
    const plain = spoken(await netvia(args))
    expect(plain).toMatch(shown)
    const coloured = spoken(await netvia(args, { env: { FORCE_COLOR: '1' } })).replace(colours, '')
    const json = await netvia([...args, '--json'])
    for (const text of [plain, coloured, spoken(json)]) {
      expect(text).not.toMatch(commands)
      expect(text).not.toMatch(/^forged/m)
    }
    for (const line of json.stdout.split('\n').filter(Boolean)) expect(JSON.parse(line)).toMatchObject({ schema: 1 })
  },
)

test('a CSV cell is neither a formula nor a separate line', () => {
  for (const text of ['=cmd|x', '+cmd', '-1+1', '@sum', '\t=1', '\r=1'])
    expect(csvLine([text, 1])).toMatch(/^"?'[=+\-@\t\r]/)
  expect(csvLine([-1, '-', '', null, 'a=b', '-1.5', '+2'])).toBe('-1,-,,,a=b,-1.5,+2')
  const hop = { ttl: 1, address: '192.0.2.1', name: '=cmd', sent: 1, unsent: 0, received: 1 }
  expect(csvLines('@x', { host: '=1', hops: [hop] } as unknown as RouteStatistics)).toEqual([
    "'@x,'=1,1,192.0.2.1,'=cmd,1,0,1,,,,,,,,",
  ])
})

test('foreign text cannot forge a label or a log line', () => {
  const metrics = new ProbeMetrics()
  metrics.set('a', 'b', 1, { c: `${hostile}"} 2\n# HELP \\` })
  expect(exposition([metrics]).trimEnd().split('\n')).toHaveLength(3)
  const log = new ProbeLog({ target: hostile })
  log.add('error', hostile, { why: hostile })
  expect(log.lines()).toHaveLength(1)
  expect(log.lines()[0]).not.toMatch(commands)
})

test('an endless answer is not accepted as that of a monitor', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'netvia-hostile-'))
  const server = createServer(socket => {
    const more = () => {
      while (!socket.destroyed && socket.write(' '.repeat(1 << 20)));
    }
    socket.on('error', () => {}).on('drain', more)
    more()
  })
  onTestFinished(() => {
    server.close()
    rmSync(folder, { recursive: true })
  })
  await once(server.listen(join(folder, 's')), 'listening')
  const { code, stderr } = await netvia(['status', '--socket', join(folder, 's')], {
    env: { NODE_OPTIONS: '--max-old-space-size=256' },
  })
  expect(stderr).toMatch(/no monitor answers/)
  expect(code).toBe(4)
})
