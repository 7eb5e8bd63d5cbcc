import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { readNamedFile, readNamedText } from '../../src/cli/shared/named-file.js'
import { netvia, shell, startCli } from './cli-process.js'
import { closedPort, httpServer } from './http-servers.js'
import { fileOf, startMonitor, tcpUplinks } from './monitor-command.js'

function fifo(): string {
  const path = `${fileOf('')}.fifo`
  execFileSync('mkfifo', [path])
  return path
}

/** A FIFO whose writing end stays open. */
function heldFifo() {
  const path = fifo()
  const writer = openSync(path, constants.O_RDWR)
  onTestFinished(() => closeSync(writer))
  return { path, writer }
}

test('reads a file, and a pipe whose writer starts late', () => {
  expect(readNamedFile(fileOf('text')).toString()).toBe('text')
  expect(readNamedFile(fileOf('')).toString()).toBe('')
  const path = fifo()
  spawn('sh', ['-c', 'sleep 0.2; { printf first; sleep 0.2; printf second; } > "$0"', path], { stdio: 'ignore' })
  expect(readNamedFile(path, 30_000).toString()).toBe('firstsecond')
  expect(() => readNamedFile(`${path}.missing`)).toThrow(expect.objectContaining({ code: 'ENOENT' }))
})

test('refuses a pipe without a writer, and an endless device', () => {
  for (const path of [fifo(), heldFifo().path]) {
    expect(() => readNamedFile(path, 100)).toThrow(`${path}: nobody has written to it within 100 ms`)
  }
  const { path, writer } = heldFifo()
  writeSync(writer, 'half')
  expect(() => readNamedFile(path, 100)).toThrow(/nobody has written/)
  expect(() => readNamedFile('/dev/zero')).toThrow('/dev/zero: longer than 16777216 bytes')
})

test('commands read a configuration from a shell pipe, even a slow one', async () => {
  const configuration = tcpUplinks(['a', 1])
  const { stdout, code } = await shell(`netvia monitor --check -c <(sleep 0.3; printf '%s' "$CONFIGURATION")`, {
    CONFIGURATION: configuration,
  })
  expect(stdout).toContain('1 uplink, 1 check')
  expect(code).toBe(0)
  const endless = await netvia(['exporter', '--check', '-c', '/dev/zero'])
  expect(endless.code).toBe(3)
  expect(endless.stderr).toContain('/dev/zero: longer than')
})

test('a monitor whose configuration became a FIFO reports that at SIGHUP, and continues', async () => {
  const monitor = startMonitor(tcpUplinks(['a', closedPort]))
  await monitor.says(/a: unknown -> down/)
  renameSync(fifo(), monitor.file)
  monitor.child.kill('SIGHUP')
  await monitor.says(/nobody has written to it.*\n.*continues with the previous one/)
  monitor.child.kill('SIGTERM')
  expect(await monitor.ended).toMatchObject({ signal: 'SIGTERM' })
})

/** Expects that SIGINT ends the command, even if it waits for a pipe. */
async function interrupted(child: ReturnType<typeof startCli>) {
  onTestFinished(() => void child.kill('SIGKILL'))
  child.kill('SIGINT')
  expect(await child.ended).toMatchObject({ signal: 'SIGINT' })
}

test('a request body may come from a shell pipe, even a slow one', async () => {
  let body = ''
  const port = await httpServer(async (request, response) => {
    body = (await buffer(request)).toString()
    response.end()
  })
  const { code } = await shell(`netvia http -d @<(sleep 0.3; printf first; sleep 0.3; printf second) "$URL"`, {
    URL: `http://127.0.0.1:${port}/`,
  })
  expect({ code, body }).toEqual({ code: 0, body: 'firstsecond' })
})

test.each([
  ['-d', '@'],
  ['--cacert', ''],
])('%s from an endless pipe: SIGINT and --timeout end it', async (flag, prefix) => {
  const url = `http://127.0.0.1:${closedPort}/`
  const silent = fifo()
  const { code, stderr } = await netvia(['http', '-W', '0.5', flag, `${prefix}${silent}`, url])
  expect({ code, stderr }).toEqual({
    code: 3,
    stderr: `netvia: ${silent}: it did not end within 500 ms; --timeout allows more\n`,
  })
  const path = fifo()
  const child = startCli(['http', '-W', '3600', flag, `${prefix}${path}`, url])
  const opened = () => openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
  await expect.poll(opened, { timeout: 20_000 }).toBeGreaterThan(0)
  await interrupted(child)
})

test('the output of a scan to a pipe that nobody reads: SIGINT ends it', async () => {
  const child = startCli(['scan', '--json', '-oG', fifo(), '-p', String(closedPort), '127.0.0.1'])
  await once(child.stdout!, 'data')
  await interrupted(child)
})

test('text is UTF-8, and any other encoding is refused', () => {
  expect(readNamedText(fileOf('\ufeffcafé'))).toBe('café')
  const latin1 = fileOf('')
  writeFileSync(latin1, 'café', 'latin1')
  expect(() => readNamedText(latin1)).toThrow(`${latin1}: not in UTF-8`)
})

test('a configuration in Latin-1 is refused', async () => {
  const config = fileOf('')
  writeFileSync(config, 'uplinks:\n  - { name: café, checks: [{ type: ping, host: 127.0.0.1 }] }\n', 'latin1')
  const { code, stderr } = await netvia(['monitor', '--check', '-c', config])
  expect({ code, stderr }).toEqual({ code: 3, stderr: `netvia: ${config}: not in UTF-8\n` })
})
