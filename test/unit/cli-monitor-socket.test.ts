import {
  chmodSync,
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { listenAt } from '../../src/cli/monitor/control/listen.js'
import { parseAnswer } from '../../src/cli/shared/monitor-answer.js'
import type { MonitorStatus } from '../../src/cli/shared/monitor-socket.js'
import { netvia, objects } from './cli-process.js'
import { schemaErrors } from './cli-schema.js'
import { httpServer } from './http-servers.js'
import { fileOf, startMonitor, tcpUplinks } from './monitor-command.js'

/** A port without a listener, so loopback refuses connections immediately. */
const closed = 9

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'netvia-socket-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

interface Answer extends Partial<MonitorStatus> {
  code: number | null
}

/** Starts a monitor with one uplink that is up and one that is down. */
async function running({ extra = '', args = [] as string[], at = join(folder(), 'monitor.sock') } = {}) {
  const port = await httpServer((_request, response) => response.end())
  const text = extra + tcpUplinks(['fibre', port], ['lte', closed])
  const monitor = startMonitor(text, ['--socket', at, ...args])
  await monitor.says(/fibre.*"?unknown"?.*up/)
  await monitor.says(/lte.*"?unknown"?.*down/)
  const ask = (...words: string[]) => netvia([...words, '--socket', at])
  const asked = async (...words: string[]) => {
    const ended = await ask(...words, '--json')
    const lines = objects(ended)
    expect(await schemaErrors(lines)).toEqual([])
    return { code: ended.code, ...lines[0] } as Answer
  }
  return { monitor, ask, asked, at, port }
}

const uplink = {
  ...{ name: 'fibre', device: null, state: 'up', since: 1, reason: '', remarks: [], lossRatio: 0, forced: null },
  ...{ checks: [], statistics: [], metered: null },
}
const statusOf = (...uplinks: unknown[]) => ({ status: { at: 1, inUse: null, keepsForces: true, uplinks } })

test('only what a monitor answers counts as an answer', () => {
  const deep = '['.repeat(20_000) + ']'.repeat(20_000)
  const parsed = (answer: unknown) => parseAnswer(JSON.stringify(answer).replace('"deep"', deep))
  const error = { error: { code: 'ENOTFOUND', message: 'no' } }
  expect([statusOf(uplink), error].map(parsed)).toEqual([statusOf(uplink), error])
  for (const odd of [
    ...[null, 7, [], {}, { status: {} }, { status: 1 }, { error: {} }, { error: { code: 7, message: 'no' } }],
    ...[null, 7, 'fibre', [], {}].map(entry => statusOf(uplink, entry)),
    ...Object.keys(uplink).map(key => statusOf({ ...uplink, [key]: { odd: 1 } })),
    { status: { ...statusOf(uplink).status, proxy: 7 } },
    statusOf({ ...uplink, more: 'deep' }),
  ])
    expect(parsed(odd)).toBeUndefined()
})

describe('netvia status', () => {
  test('shows the uplinks, and which one new connections use', async () => {
    const { ask, asked } = await running()
    const { code, stdout, stderr } = await ask('status')
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(stdout).toMatch(/^uplink +device +state +for +loss +latency +why$/m)
    expect(stdout).toMatch(/^fibre +lo +up +0:\d\d +0% +[\d.]+ ms +3 good rounds in a row$/m)
    expect(stdout).toMatch(/^lte +lo +down /m)
    expect(stdout).toMatch(/^new connections take fibre$/m)
    expect(await asked('status')).toMatchObject({
      ...{ code: 1, command: 'status', event: 'status', inUse: 'fibre' },
      uplinks: [
        { name: 'fibre', state: 'up', forced: null },
        { name: 'lte', state: 'down' },
      ],
    })
  })

  test('for one uplink exits by its state, with 2 for an unknown name and 4 without a monitor', async () => {
    const { ask, asked } = await running()
    expect(await asked('status', 'fibre')).toMatchObject({ code: 0, uplinks: [{ name: 'fibre' }] })
    expect(await ask('status', 'radio')).toMatchObject({
      code: 2,
      stderr: 'netvia: no uplink is named "radio" (fibre, lte)\n',
    })
    const none = join(folder(), 'none.sock')
    expect(await netvia(['status', '--socket', none])).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/^netvia: no monitor answers at .*none\.sock \(.*ENOENT.*\); start netvia monitor/),
    })
  })

  test('reports that something is not a monitor', async () => {
    const at = join(folder(), 'other.sock')
    let answer = ''
    const server = createServer(socket => socket.on('error', () => {}).end(answer)).listen(at)
    onTestFinished(() => void server.close())
    const stderr = expect.stringContaining('what answers there is no monitor')
    for (answer of ['220 hello\r\n', `${JSON.stringify(statusOf(null))}\n`])
      expect(await netvia(['status', '--socket', at])).toMatchObject({ code: 4, stdout: '', stderr })
    answer = `${JSON.stringify(statusOf(uplink))}\n`
    expect(await netvia(['status', '--socket', at])).toMatchObject({ code: 0, stderr: '' })
    const unknown = await netvia(['force', 'lte', 'down', '--socket', at])
    expect(unknown).toMatchObject({ code: 2, stderr: 'netvia: no uplink is named "lte" (fibre)\n' })
    // A monitor that is too busy closes the exchange at its time limit.
    for (answer of ['', '{"status":{"at":1'])
      expect((await netvia(['status', '--socket', at])).stderr).toContain('its answer ended too early')
  })
})

test.each([
  ['drips', ' '],
  ['never ends', ' '.repeat(2 ** 20)],
])('an answer that %s ends the command', async (_what, piece) => {
  const at = join(folder(), 'endless.sock')
  const server = createServer(socket => {
    const more = () => void (socket.destroyed || socket.write(piece))
    const timer = setInterval(more, 20)
    socket.on('error', () => {}).on('close', () => clearInterval(timer))
  }).listen(at)
  onTestFinished(() => void server.close())
  const { code, stdout, stderr } = await netvia(['status', '--socket', at])
  expect({ code, stdout }).toEqual({ code: 4, stdout: '' })
  expect(stderr).toMatch(
    /^netvia: no monitor answers at .* \((no whole answer in 10 s|what answers there has no end)\);/,
  )
  expect(stderr.split('\n')).toHaveLength(2)
})

describe('netvia force', () => {
  test('takes an uplink out of use for a time, across a reload and a kill, and auto restores it', async () => {
    const dir = folder()
    const file = join(dir, 'state.json')
    const { monitor, ask, asked, at, port } = await running({ extra: `stateFile: ${file}\n` })
    const { code, stdout, stderr } = await ask('force', 'fibre', 'down', '--for', '2h', '--why', 'maintenance')
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^fibre: forced down for (2:00:00|1:59:5\d) more: maintenance\n$/),
      stderr: '',
    })
    await monitor.says(/fibre: up -> down \(forced down: maintenance\)/)
    await monitor.says(/fibre: forced down for .* more: maintenance/)
    expect(await asked('status')).toMatchObject({
      inUse: null,
      uplinks: [{ state: 'down', goodRounds: expect.any(Number) }, {}],
    })

    writeFileSync(monitor.file, `stateFile: ${file}\n${tcpUplinks(['fibre', port], ['cable', port])}`)
    monitor.child.kill('SIGHUP')
    await monitor.says(/cable: unknown -> up/)
    const status = await asked('status')
    expect(status).toMatchObject({ inUse: 'cable', uplinks: [{ forced: { state: 'down', why: 'maintenance' } }, {}] })

    monitor.child.kill('SIGKILL')
    await monitor.ended
    expect(existsSync(at)).toBe(true)
    const next = startMonitor(readFileSync(monitor.file, 'utf8'), ['--socket', at])
    await next.says(/watching/)
    await expect
      .poll(() => asked('status').catch(() => 'not yet'), { timeout: 10_000 })
      .toMatchObject({
        uplinks: [{ state: 'down', reason: 'forced down: maintenance', forced: status.uplinks![0]!.forced }, {}],
      })
    expect(await asked('force', 'fibre', 'auto')).toMatchObject({
      ...{ code: 0, event: 'result', uplink: 'fibre', forced: null, kept: true },
    })
    await next.says(/fibre: its checks decide again/)
    await next.says(/fibre: (down|unknown) -> up/)
  })

  test('is not saved while the state file is not writable, and is saved once it is', async () => {
    const dir = folder()
    const file = join(dir, 'gone', 'state.json')
    const { ask, asked } = await running({ extra: `stateFile: ${file}\n` })
    const words = ['force', 'fibre', 'down'] as const
    expect(await asked(...words)).toMatchObject({ code: 0, state: 'down', kept: false })
    expect((await ask(...words)).stderr).toBe(
      'netvia: the monitor has no stateFile that it can write, so the force ends when the monitor does\n',
    )
    mkdirSync(join(dir, 'gone'))
    expect(await asked(...words)).toMatchObject({ code: 0, kept: true })
    expect(readFileSync(file, 'utf8')).toContain('"forces":{"fibre"')
  })

  test('names a wrong name, state or time, and warns if nothing keeps it across a restart', async () => {
    const { monitor, ask, asked } = await running({ args: ['--json'] })
    expect(await asked('force', 'lte', 'up')).toMatchObject({ state: 'up', reason: 'forced up', kept: false })
    expect((await ask('force', 'lte', 'up')).stderr).toBe(
      'netvia: the monitor has no stateFile that it can write, so the force ends when the monitor does\n',
    )
    expect(await ask('force', 'radio', 'down')).toMatchObject({ code: 2, stderr: expect.stringContaining('"radio"') })
    for (const args of [
      ['lte', 'degraded'],
      ['lte', 'auto', '--for', '1m'],
      ['lte', 'down', '--for', 'soon'],
      ['lte', 'down', '--for', '700h'],
      ['lte', 'down', '--why', 'x'.repeat(201)],
      ['lte'],
    ]) {
      expect({ args, code: (await ask('force', ...args)).code }).toEqual({ args, code: 3 })
    }
    monitor.child.kill('SIGTERM')
    const lines = objects(await monitor.ended)
    expect(await schemaErrors(lines)).toEqual([])
    expect(lines).toContainEqual(expect.objectContaining({ event: 'force', uplink: 'lte' }))
    expect(lines).toContainEqual(expect.objectContaining({ event: 'state', to: 'up', forced: expect.anything() }))
  })
})

describe('the socket', () => {
  test('only its user and a named group may use it, and it is removed at the end', async () => {
    const { monitor, at } = await running()
    expect(statSync(at).mode & 0o777).toBe(0o600)
    monitor.child.kill('SIGTERM')
    await monitor.ended
    expect(existsSync(at)).toBe(false)
    const group = process.getgid!()
    const shared = await running({ args: ['--socket-group', String(group)] })
    expect(statSync(shared.at)).toMatchObject({ mode: 0o140660, gid: group })
  })

  test('is not removed while its monitor runs, and neither is another kind of file', async () => {
    const { ask, at, port } = await running()
    const second = startMonitor(tcpUplinks(['fibre', port]), ['--socket', at])
    expect(await second.ended).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('another monitor answers there'),
    })
    expect((await ask('status')).code).toBe(1)
    const file = join(folder(), 'precious')
    writeFileSync(file, 'mine')
    const third = startMonitor(tcpUplinks(['fibre', port]), ['--socket', file])
    expect(await third.ended).toMatchObject({ code: 4, stderr: expect.stringContaining('no socket is in the way') })
    expect(readFileSync(file, 'utf8')).toBe('mine')
  })

  test('of a later monitor stays when the one whose file was removed ends', async () => {
    const { monitor, at, port } = await running()
    rmSync(at)
    const later = startMonitor(tcpUplinks(['fibre', port]), ['--socket', at])
    await later.says(/fibre.*"?unknown"?.*up/)
    monitor.child.kill('SIGTERM')
    await monitor.ended
    expect((await netvia(['status', '--socket', at])).code).toBe(0)
    later.child.kill('SIGTERM')
    await later.ended
    expect(readdirSync(dirname(at))).toEqual([])
  })

  test.each<[string, (path: string, victim: string) => void]>([
    ['a link to another file', (path, victim) => symlinkSync(victim, path)],
    ['another file', (path, victim) => renameSync(victim, path)],
  ])('is left alone if %s replaces it before its group is set', async (_what, put) => {
    const path = join(folder(), 'monitor.sock')
    const victim = fileOf('precious', 'precious')
    chmodSync(victim, 0o600)
    const opened = openSync(victim, 'r')
    onTestFinished(() => closeSync(opened))
    const server = createServer()
    server.on('listening', () => {
      const name = server.address() as string
      rmSync(name)
      put(name, victim)
    })
    await expect(listenAt(server, path, String(process.getgid!()))).rejects.toMatchObject({ code: 'EADDRINUSE' })
    expect(fstatSync(opened).mode & 0o777).toBe(0o600)
    expect(existsSync(path)).toBe(false)
  })

  test.each([
    [['--socket', `/tmp/${'x'.repeat(120)}`], 3],
    [['--socket', '/nonexistent/monitor.sock'], 4],
    [['--socket', '/tmp/netvia-never.sock', '--socket-group', 'no-such-group'], 3],
  ])('that cannot be created is reported at the start: %j', async (args, code) => {
    const { ended } = startMonitor(tcpUplinks(['fibre', closed]), args as string[])
    expect((await ended).code).toBe(code)
  })

  /** Sends these parts. Returns the answer up to the end of the connection. */
  async function exchange(at: string, ...parts: (string | Buffer)[]): Promise<string> {
    const socket: Socket = connect(at)
    let text = ''
    socket.setEncoding('utf8').on('data', data => {
      text += data
    })
    socket.on('error', () => {})
    for (const part of parts) socket.write(part)
    await new Promise(resolve => socket.on('close', resolve))
    return text
  }

  test('handles any input in bounded time', async () => {
    const { monitor, ask, at } = await running()
    const code = async (...parts: (string | Buffer)[]) => JSON.parse(await exchange(at, ...parts)).error?.code
    for (const line of ['', 'null', '[]', '{"command":"stop"}', '{"command":"force"}x', '\0'.repeat(100)])
      expect({ line, code: await code(line, '\n') }).toEqual({ line, code: 'ERR_INVALID_ARG_VALUE' })
    expect(await code('x'.repeat(5000))).toBe('ERR_INVALID_ARG_VALUE')
    expect(await code('x'.repeat(5000), '\n')).toBe('ERR_INVALID_ARG_VALUE')
    expect(await code(Buffer.alloc(2 ** 22))).toBe('ERR_INVALID_ARG_VALUE')
    const force = { command: 'force', uplink: 'fibre', state: 'down' }
    for (const changed of [{ uplink: '__proto__' }, { uplink: 7 }]) {
      expect(await code(`${JSON.stringify({ ...force, ...changed })}\n`)).toBe('ENOTFOUND')
    }
    for (const changed of [{ state: 'off' }, { forMs: '1' }, { why: 7 }, { more: 1 }]) {
      expect(await code(`${JSON.stringify({ ...force, ...changed })}\n`)).toBe('ERR_INVALID_ARG_VALUE')
    }
    expect(await exchange(at, '{"command":"status"}\n{"command":"status"}\n')).toMatch(/^\{"status":.*\}\n$/)
    // Only sixteen of many silent clients are accepted. They are closed at the time limit, which makes room for others.
    const closed: number[] = []
    await Promise.all(Array.from({ length: 40 }, (_, index) => exchange(at).then(() => closed.push(index))))
    expect(closed.slice(0, 24).sort((a, b) => a - b)).toEqual(Array.from({ length: 24 }, (_, index) => 16 + index))
    expect((await ask('status', 'fibre')).code).toBe(0)
    expect(monitor.said()).not.toMatch(/forced/)
  })
})
