import { execFileSync, spawn } from 'node:child_process'
import { closeSync, constants, openSync, renameSync, writeSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { readNamedFile } from '../../src/cli/shared/named-file.js'
import { netvia, shell } from './cli-process.js'
import { closedPort } from './http-servers.js'
import { fileOf, startMonitor, tcpUplinks } from './monitor-command.js'

function fifo(): string {
  const path = `${fileOf('')}.fifo`
  execFileSync('mkfifo', [path])
  return path
}

/** A FIFO that a writer holds open. */
function heldFifo() {
  const path = fifo()
  const writer = openSync(path, constants.O_RDWR)
  onTestFinished(() => closeSync(writer))
  return { path, writer }
}

test('a file, and what comes by a pipe whose writer begins late', () => {
  expect(readNamedFile(fileOf('text')).toString()).toBe('text')
  expect(readNamedFile(fileOf('')).toString()).toBe('')
  const path = fifo()
  spawn('sh', ['-c', 'sleep 0.2; { printf first; sleep 0.2; printf second; } > "$0"', path], { stdio: 'ignore' })
  expect(readNamedFile(path, 30_000).toString()).toBe('firstsecond')
  expect(() => readNamedFile(`${path}.missing`)).toThrow(expect.objectContaining({ code: 'ENOENT' }))
})

test('a pipe that nobody writes to, and a device without an end, are refused', () => {
  for (const path of [fifo(), heldFifo().path]) {
    expect(() => readNamedFile(path, 100)).toThrow(`${path}: nobody has written to it within 100 ms`)
  }
  const { path, writer } = heldFifo()
  writeSync(writer, 'half')
  expect(() => readNamedFile(path, 100)).toThrow(/nobody has written/)
  expect(() => readNamedFile('/dev/zero')).toThrow('/dev/zero: longer than 16777216 bytes')
})

test('commands take a configuration from a pipe of the shell, even a slow one', async () => {
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

test('a monitor whose configuration became a FIFO says so at SIGHUP, and goes on', async () => {
  const monitor = startMonitor(tcpUplinks(['a', await closedPort()]))
  await monitor.says(/a: unknown -> down/)
  renameSync(fifo(), monitor.file)
  monitor.child.kill('SIGHUP')
  await monitor.says(/nobody has written to it.*\n.*continues with the previous one/)
  monitor.child.kill('SIGTERM')
  expect(await monitor.ended).toMatchObject({ signal: 'SIGTERM' })
})
