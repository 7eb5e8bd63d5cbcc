import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'
import type { Answer } from 'dns-packet'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { collect, command, netvia, objects, shell } from './cli-process.js'
import { fakeServer } from './dns-fake-server.js'
import { fileOf, startMonitor } from './monitor-command.js'
import { requires } from './requirements.js'

/** One of netvia's colours, a window title, carriage return and backspace, a bell, a C1 control, direction marks, and line ends. */
const hostile = 'a\x1b[31mred\x1b]0;title\x07\rover\bb\x7f\x9b2J\u202eevil\u2066\u200f\u2028\u0085\nline\tend\0.'
const writtenOut =
  'a\\x1b[31mred\\x1b]0;title\\x07\\x0dover\\x08b\\x7f\\x9b2J\\u202eevil\\u2066\\u200f\\u2028\\x85\\nline\\x09end\\x00.'
/** All of these except line feed. */
const commands = /[^\P{Cc}\n]|[\p{Zl}\p{Zp}\p{Bidi_Control}]/u
/** The command's own control sequences: colours, and redrawing a table. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the test looks for control characters
const own = /\x1b\[(?:[\d?]*[A-HJKhl]|(?:1|2|22|31|32|33|36|39)m)|\r/g

let server: Awaited<ReturnType<typeof fakeServer>>
beforeAll(async () => {
  server = await fakeServer(({ question: { name, type } }) => {
    const data = type === 'TXT' ? [hostile] : `${hostile.replaceAll('.', '')}.test`
    return { answers: [{ type, name, ttl: 60, data } as Answer] }
  })
})
afterAll(() => server.close())

describe('a foreign record is not a terminal command', () => {
  test.each(['TXT', 'PTR', 'CNAME'])('%s, as text', async type => {
    const { stdout, stderr } = await netvia(['dns', `@${server.server}`, type, 'a.test'])
    expect(stdout).not.toMatch(commands)
    expect(stdout).toContain(writtenOut.replaceAll(type === 'TXT' ? '' : '.', ''))
    expect(stdout.trimEnd().split('\n')).toHaveLength(2)
    expect(stderr).toBe('')
  })

  test('not even a colour, if the output uses colours', async () => {
    const { stdout } = await netvia(['dns', `@${server.server}`, 'TXT', 'a.test'], { env: { FORCE_COLOR: '1' } })
    expect(stdout).toContain('\x1b[1m')
    expect(stdout).toContain(writtenOut)
    expect(stdout.replace(own, '')).not.toMatch(commands)
  })

  test('as JSON, with the same meaning', async () => {
    const ended = await netvia(['dns', '--json', `@${server.server}`, 'TXT', 'a.test'])
    expect(ended.stdout).not.toMatch(commands)
    expect(objects(ended)[0]).toMatchObject({ answers: [{ data: [hostile] }] })
  })

  test('in a redrawn table', async context => {
    requires(context, 'bash', 'script')
    const inner = `stty cols 300 rows 20; exec '${process.execPath}' '${command}' dns @${server.server} TXT a.test`
    const { stdout } = await shell(`script -qec "${inner}" /dev/null`, { TERM: 'xterm' })
    expect(stdout).toContain(writtenOut)
    expect(stdout.replace(own, '')).not.toMatch(commands)
  })
})

test('neither are arguments', async () => {
  for (const args of [
    ['ping', hostile.replace('\0', '')],
    ['ping', '-I', '\x1b[31m', '127.0.0.1'],
    ['\x1b[31m'],
    ['connect', '127.0.0.1', '\x9b2J'],
    ['scan', '-p', '\x9b2J', '127.0.0.1'],
    ['http', 'http://127.0.0.1:1/\x9b2J\u202e'],
  ]) {
    const { stdout, stderr, code } = await netvia(args)
    expect(stderr + stdout).not.toMatch(commands)
    expect(code).not.toBe(0)
  }
})

test('neither are names from a configuration and the output of a hook, as text, as JSON and on a terminal', async context => {
  requires(context, 'bash', 'script')
  const text = `interval: 50ms
timeout: 1s
hook: [sh, -c, "printf 'a\\\\033[31mb\\\\n\\\\302\\\\233c\\\\n' >&2; exit 1"]
uplinks:
  - name: "fibre\\e[31m\\r\\u009b2J\\u202e\\nline"
    device: lo
    checks: [{ type: tcp, host: 127.0.0.1, port: 9 }]
`
  const name = 'fibre\\x1b[31m\\x0d\\x9b2J\\u202e\\nline'
  const printed = ['a\\x1b[31mb', '\\x9bc']
  for (const args of [[], ['--json'], ['-v']]) {
    const monitor = startMonitor(text, args)
    await monitor.says(/warning.*hook/)
    monitor.child.kill('SIGTERM')
    const { stdout, stderr } = await monitor.ended
    expect(stdout + stderr).not.toMatch(commands)
    if (args[0] === '--json') continue
    expect(stdout).toContain(`${name}: unknown -> down`)
    for (const text of printed) expect(stdout).toContain(`${name}: hook: ${text}`)
  }
  const inner = `stty cols 200 rows 20; exec '${process.execPath}' '${command}' monitor --no-socket -c '${fileOf(text)}'`
  const terminal = spawn('script', ['-qec', inner, '/dev/null'], { env: { ...process.env, TERM: 'xterm' } })
  let seen = ''
  terminal.stdout.on('data', chunk => {
    const before = seen
    seen += chunk
    // Press Ctrl-C once the table shows the state.
    const down = /line +lo .*down/
    if (down.test(seen) && !down.test(before)) terminal.stdin.write('\x03')
  })
  const { stdout } = await collect(terminal)
  expect(stdout.replace(own, '')).not.toMatch(commands)
  expect(stripVTControlCharacters(stdout).split(`${name}  lo      down`).length).toBeGreaterThan(1)
})

test('no output bypasses the escaping', () => {
  const root = new URL('../../src/cli/', import.meta.url)
  const writers = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts') && !file.startsWith('page/'))
    .filter(file =>
      /process\.std(out|err)\.write|\bstream\.write|console\./.test(readFileSync(new URL(file, root), 'utf8')),
    )
  // The subcommands in this list print only text from netvia itself: a schema, a script, a manual page.
  expect(writers.sort()).toEqual([
    'completion/run.ts',
    'main.ts',
    'man/run.ts',
    'schema/run.ts',
    'shared/output/output.ts',
    'shared/output/service-output.ts',
  ])
})
