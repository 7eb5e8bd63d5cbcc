import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { MonitorSnapshot } from '../../src/monitor/record/event-types.js'
import { command, objects, shell, startCli } from './cli-process.js'
import { schemaErrors } from './cli-schema.js'
import { httpServer } from './http-servers.js'
import { fileOf, startMonitor, tcpUplinks } from './monitor-command.js'
import { requires } from './requirements.js'
import { serviceManager } from './service-manager.js'

/** A port without a listener, so loopback refuses connections immediately. */
const closed = 9

describe('in a pipe', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('prints a line for each event, until %s', async signal => {
    const port = await httpServer((_request, response) => response.end())
    const monitor = startMonitor(tcpUplinks(['fibre', port], ['lte', closed]))
    await monitor.says(/fibre: unknown -> up/)
    await monitor.says(/lte: unknown -> down/)
    monitor.child.kill(signal)
    const { stdout, ...rest } = await monitor.ended
    expect(rest).toEqual({ code: null, signal, stderr: '' })
    const lines = stdout.trimEnd().split('\n')
    expect(lines[0]).toBe('watching 2 uplinks: fibre, lte')
    const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`
    expect(lines.slice(1).sort((a, b) => (a.slice(24) < b.slice(24) ? -1 : 1))).toEqual([
      expect.stringMatching(new RegExp(`^${time} fibre: unknown -> up \\(3 good rounds in a row\\)$`)),
      expect.stringMatching(
        new RegExp(`^${time} lte: unknown -> down \\(3 bad rounds in a row: tcp 127.0.0.1:9: .*\\)$`),
      ),
    ])
  })

  test('with --json prints an object for each, with --verbose also the checks', async () => {
    const port = await httpServer((_request, response) => response.end())
    const monitor = startMonitor(tcpUplinks(['fibre', port]), ['--json', '-v', '--listen', '0'])
    await monitor.says(/"to":"up"/)
    monitor.child.kill('SIGTERM')
    const all = objects(await monitor.ended)
    expect(await schemaErrors(all)).toEqual([])
    expect(all[0]).toMatchObject({ schema: 1, command: 'monitor', event: 'start', uplinks: [{ name: 'fibre' }] })
    expect(all[1]).toMatchObject({ event: 'listening', url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/$/) })
    expect(all).toContainEqual(expect.objectContaining({ event: 'check', uplink: 'fibre', ok: true }))
    expect(all).toContainEqual(expect.objectContaining({ event: 'state', uplink: 'fibre', to: 'up' }))
    expect(all.at(-1)).toMatchObject({ event: 'summary', running: false, uplinks: [{ state: 'up' }] })
  })
})

describe('at SIGHUP', () => {
  test('uses the new configuration, and unchanged uplinks continue as they were', async () => {
    const port = await httpServer((_request, response) => response.end())
    const monitor = startMonitor(tcpUplinks(['fibre', port], ['lte', closed]), ['--listen', '0'])
    const url = await monitor.url()
    const uplinks = async () => ((await (await fetch(`${url}api/snapshot`)).json()) as MonitorSnapshot).uplinks
    await monitor.says(/lte: unknown -> down/)
    await monitor.says(/fibre: unknown -> up/)
    const before = (await uplinks())[0]!
    writeFileSync(monitor.file, tcpUplinks(['fibre', port], ['cable', port]))
    monitor.child.kill('SIGHUP')
    await monitor.says(/configuration read again: added cable; removed lte/)
    await monitor.says(/cable: unknown -> up/)
    const after = await uplinks()
    expect(after.map(({ name }) => name)).toEqual(['fibre', 'cable'])
    expect(after[0]).toMatchObject({ state: 'up', since: before.since })
    expect(after[0]!.goodRounds).toBeGreaterThanOrEqual(before.goodRounds)
    expect(monitor.said().match(/fibre: /g)).toHaveLength(1)
    const metrics = await (await fetch(`${url}metrics`)).text()
    expect(metrics).not.toContain('lte')
    expect(metrics).toMatch(/^netvia_config_last_reload_successful 1$/m)
  })

  test('refuses a wrong one with the position, and continues with the previous one', async () => {
    const port = await httpServer((_request, response) => response.end())
    const monitor = startMonitor(tcpUplinks(['fibre', port]), ['--listen', '0'])
    const url = await monitor.url()
    await monitor.says(/fibre: unknown -> up/)
    writeFileSync(monitor.file, readFileSync(monitor.file, 'utf8').replace('50ms', 'soon'))
    monitor.child.kill('SIGHUP')
    await monitor.says(
      /uplinks\.yaml:1:1: interval must be .*\nnetvia: .* is not accepted; netvia continues with the previous one/,
    )
    expect(await (await fetch(`${url}metrics`)).text()).toMatch(/^netvia_config_last_reload_successful 0$/m)
    const snapshot = await (await fetch(`${url}api/snapshot`)).json()
    expect(snapshot).toMatchObject({ uplinks: [{ name: 'fibre', state: 'up' }] })
    monitor.child.kill('SIGTERM')
    expect((await monitor.ended).signal).toBe('SIGTERM')
  })
})

test('a monitor that is ending ignores SIGHUP', async () => {
  const [out, socket] = [fileOf('', 'hook'), `${fileOf('')}.sock`]
  const hook = `hookTimeout: 60s\nhook: [sh, -c, 'echo begun > ${out}; sleep 60']\n`
  const monitor = startMonitor(hook + tcpUplinks(['fibre', closed]), ['--socket', socket])
  await expect.poll(() => readFileSync(out, 'utf8'), { timeout: 20_000 }).toBe('begun\n')
  monitor.child.kill('SIGTERM')
  // From here, the hook has five seconds.
  await expect.poll(() => existsSync(socket), { timeout: 20_000 }).toBe(false)
  monitor.child.kill('SIGHUP')
  const { stdout, signal } = await monitor.ended
  expect(stdout).not.toContain('configuration read again')
  expect(signal).toBe('SIGTERM')
})

test('a signal during startup also ends it', async () => {
  const monitor = startMonitor(tcpUplinks(['fibre', closed]))
  monitor.child.stdout!.once('data', () => monitor.child.kill('SIGTERM'))
  expect((await monitor.ended).signal).toBe('SIGTERM')
})

test.each(['monitor', 'proxy'])('netvia %s obeys a SIGHUP of its start once it has started', async name => {
  const [pipe, notify] = [`${fileOf('')}.pipe`, `${fileOf('')}.notify`]
  execFileSync('mkfifo', [pipe])
  const { until } = serviceManager(notify)
  const args = { monitor: ['--no-socket'], proxy: [] }[name]!
  const child = startCli([name, '-c', pipe, '--listen', '127.0.0.1:0', ...args], { env: { NOTIFY_SOCKET: notify } })
  onTestFinished(() => void child.kill('SIGKILL'))
  // It opens only once netvia reads.
  const writer = openSync(pipe, 'w')
  child.kill('SIGHUP')
  writeSync(writer, tcpUplinks(['fibre', closed]))
  closeSync(writer)
  let said = ''
  child.stderr!.on('data', text => {
    said += text
  })
  // The pipe has no more.
  await expect.poll(() => said, { timeout: 20_000 }).toMatch(/not accepted; netvia continues with the previous/)
  if (name === 'monitor') await until(/^READY=1.*\nRELOADING=1.*\nREADY=1/)
  child.kill('SIGTERM')
  expect((await child.ended).signal).toBe('SIGTERM')
})

test('a full disk under its output does not end it', async () => {
  const port = await httpServer((_request, response) => response.end())
  const out = fileOf('', 'up')
  const hook = `hook: [sh, -c, 'echo $NETVIA_STATE > ${out}']\n`
  const file = fileOf(hook + tcpUplinks(['fibre', port]))
  const full = openSync('/dev/full', 'w')
  const child = spawn(process.execPath, [command, 'monitor', '-c', file, '-v', '--no-socket'], {
    stdio: ['ignore', full, full],
  })
  closeSync(full)
  onTestFinished(() => void child.kill('SIGKILL'))
  await expect.poll(() => readFileSync(out, 'utf8'), { timeout: 20_000 }).toBe('up\n')
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  expect(await ended).toEqual([null, 'SIGTERM'])
})

test('on a terminal it redraws a table, with events above it', async context => {
  requires(context, 'bash', 'script')
  const port = await httpServer((_request, response) => response.end())
  const file = fileOf(tcpUplinks(['fibre', port], ['lte', closed]))
  const keys = '(sleep 4; printf "\\003"; sleep 1)'
  const inner = `stty cols 150 rows 20; exec '${process.execPath}' '${command}' monitor --no-socket -c '${file}'`
  const line = `${keys} | script -qec "${inner}" /dev/null; echo "code \${PIPESTATUS[1]}"`
  const { stdout } = await shell(line, { TERM: 'xterm' })
  expect(stdout).toContain('\x1b[2K')
  const text = stripVTControlCharacters(stdout)
  expect(text).toMatch(/fibre: unknown -> up/)
  const last = text.replace('^C', '').trimEnd().split(/\r?\n/)
  expect(last.at(-1)).toBe('code 130')
  expect(last.at(-4)).toMatch(/^uplink +device +state +for +loss +latency +last 30 s +why/)
  expect(last.at(-3)).toMatch(
    /^fibre +lo +up +0:0\d +0% +[\d.]+ ms +[▁▂▃▄▅▆▇█ ]*[▁▂▃▄▅▆▇█][▁▂▃▄▅▆▇█ ]* +3 good rounds in a row$/,
  )
  expect(last.at(-2)).toMatch(/^lte +lo +down +0:0\d +100% +- +×[× ]* +\d+ bad rounds in a row/)
})
