import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { PassThrough } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { ServiceOutput } from '../../src/cli/shared/output/service-output.js'
import { command, startCli } from './cli-process.js'
import { fileOf, startMonitor, tcpUplinks } from './monitor-command.js'
import { requires } from './requirements.js'

test('unread lines are dropped and counted, and memory stays bounded', async () => {
  const pipe = new PassThrough({ highWaterMark: 1 << 14 })
  const stream = pipe as unknown as NodeJS.WriteStream
  const notes = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  onTestFinished(() => notes.mockRestore())
  const output = new ServiceOutput([stream])
  const line = `${'x'.repeat(1023)}\n`
  for (let i = 0; i < 5000; i++) output.write(stream, line)
  expect(stream.writableLength).toBeLessThan(2 << 20)
  expect(notes).not.toHaveBeenCalled()
  let read = 0
  pipe.on('data', data => {
    read += data.length
  })
  await expect.poll(() => stream.writableLength).toBe(0)
  output.write(stream, line)
  await expect.poll(() => read % line.length).toBe(0)
  const lost = 5000 - (read / line.length - 1)
  expect(lost).toBeGreaterThan(3000)
  expect(notes.mock.calls).toEqual([[`netvia: ${lost} lines left out, because nothing read them\n`]])
})

test("a command's output arrives completely, however slowly it is read", async () => {
  const child = startCli(['schema'])
  const quick = (await child.ended).stdout
  const slow = spawn('bash', ['-c', '"$0" "$1" schema | (sleep 1; cat)', process.execPath, command])
  let text = ''
  slow.stdout.setEncoding('utf8').on('data', part => {
    text += part
  })
  await once(slow, 'close')
  expect(text.length).toBeGreaterThan(1 << 16)
  expect(text).toBe(quick)
})

test('a stopped terminal delays no check', async context => {
  requires(context, 'script')
  let connections = 0
  const server = createServer(socket => {
    connections++
    socket.destroy()
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const file = fileOf(tcpUplinks(['fibre', port]))
  // script(1) reads the pseudo-terminal that it creates, until it is stopped.
  const line = `exec "${process.execPath}" "${command}" monitor --json -v -c "${file}" --no-socket`
  const child = spawn('script', ['-qfec', line, '/dev/null'], { stdio: ['pipe', 'ignore', 'ignore'] })
  onTestFinished(async () => {
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  })
  await expect.poll(() => connections, { timeout: 20_000 }).toBeGreaterThan(1)
  child.kill('SIGSTOP')
  // A terminal buffers about 20 KB, and each check prints 300 bytes.
  await wait(10_000)
  const before = connections
  await expect.poll(() => connections, { timeout: 10_000 }).toBeGreaterThan(before + 20)
})

test.each(['stdout', 'stderr'] as const)(
  'a service whose %s is closed ends as a failure, and leaves nothing',
  async name => {
    const server = createServer(socket => socket.destroy()).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const file = fileOf('')
    const socket = join(dirname(file), 'monitor.sock')
    const monitor = startMonitor(tcpUplinks(['fibre', (server.address() as { port: number }).port]), [
      '--socket',
      socket,
    ])
    await monitor.says(/-> up/)
    expect(existsSync(socket)).toBe(true)
    monitor.child[name]!.destroy()
    server.close()
    // The missing file causes an error on standard error, and the state change a line on standard output.
    rmSync(monitor.file)
    monitor.child.kill('SIGHUP')
    expect(await monitor.ended).toMatchObject({ code: 4, signal: null })
    expect(existsSync(socket)).toBe(false)
  },
)
