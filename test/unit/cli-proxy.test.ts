import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { netvia, objects, startCli } from './cli-process.js'
import { schemaErrors } from './cli-schema.js'
import { fileOf } from './monitor-command.js'

const uplinks = `
uplinks:
  - { name: one, localAddress: 127.0.0.11, checks: [{ type: tcp, host: 127.0.0.1, port: 9 }] }
  - { name: two, localAddress: 127.0.0.12, checks: [{ type: tcp, host: 127.0.0.1, port: 9 }] }
`

/** A server that answers with whom it was asked by. */
async function webServer(): Promise<number> {
  const server = createServer((request, response) => response.end(request.socket.remoteAddress)).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** The command, once it listens. */
async function start(args: string[]) {
  const child = startCli(['proxy', '--json', '--listen', '0', '--allow-target', '127.0.0.0/8', ...args])
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await child.ended
  })
  let said = ''
  child.stdout!.on('data', text => {
    said += text
  })
  await expect.poll(() => said, { timeout: 10_000 }).toContain('"listening"')
  const { port } = JSON.parse(said.split('\n').find(line => line.includes('"listening"'))!) as { port: number }
  return { child, port, said: () => said }
}

async function get(proxy: number, target: number, fields = ''): Promise<string> {
  const socket = connect(proxy, '127.0.0.1')
  socket.end(`GET http://127.0.0.1:${target}/ HTTP/1.0\r\nHost: x\r\n${fields}\r\n`)
  return String(Buffer.concat(await socket.toArray()))
}

describe('netvia proxy', () => {
  test('goes over a path, and says at the end what went through it', async () => {
    const target = await webServer()
    const { child, port } = await start(['--source', '127.0.0.11'])
    expect(await get(port, target)).toMatch(/127\.0\.0\.11$/)
    child.kill('SIGINT')
    const ended = await child.ended
    expect(ended.signal).toBe('SIGINT')
    expect(await schemaErrors(objects(ended))).toEqual([])
    expect(objects(ended).at(-1)).toMatchObject({
      ...{ command: 'proxy', event: 'summary', refused: 0 },
      uplinks: { '127.0.0.11': { connections: 1, failures: 0, bytesReceived: expect.any(Number) } },
    })
  })

  test('shares connections out among the uplinks of a file', { timeout: 30_000 }, async () => {
    const target = await webServer()
    const { child, port, said } = await start(['-c', fileOf(uplinks), '--policy', 'weighted'])
    const answers = [await get(port, target), await get(port, target)].map(text => text.split('\r\n').at(-1))
    expect(answers.toSorted()).toEqual(['127.0.0.11', '127.0.0.12'])
    await expect.poll(said, { timeout: 15_000 }).toContain('"state"')
    child.kill('SIGINT')
    const lines = objects(await child.ended)
    expect(await schemaErrors(lines)).toEqual([])
    expect(lines.map(({ event }) => event)).toContain('state')
  })

  test('asks for a password of its file', async () => {
    const target = await webServer()
    const { port } = await start(['--users-file', fileOf('# people\n\nann:se:cret\r\n', 'users')])
    const field = (text: string) => `Proxy-Authorization: Basic ${Buffer.from(text).toString('base64')}\r\n`
    expect(await get(port, target)).toMatch(/^HTTP\/1.1 407/)
    expect(await get(port, target, field('ann:se'))).toMatch(/^HTTP\/1.1 407/)
    expect(await get(port, target, field('ann:se:cret'))).toMatch(/^HTTP\/1.1 200/)
  })

  test.each([
    [['--listen', '0.0.0.0:0'], /anybody who reaches 0\.0\.0\.0 could use this proxy/],
    [['--policy', 'weighted'], /--config/],
    [['-I', 'lo', '-I', 'lo2'], /one device/],
    [['--allow', '10.0.0.0/99'], /--allow <block>/],
    [['--policy', 'best'], /failover, weighted/],
  ])('%j is refused', async (args, message) => {
    const { code, stderr } = await netvia(['proxy', ...args])
    expect(stderr).toMatch(message)
    expect(code).toBe(3)
  })

  test('a path beside a file is refused', async () => {
    const { code, stderr } = await netvia(['proxy', '-I', 'lo', '-c', fileOf(uplinks)])
    expect([code, stderr]).toEqual([3, expect.stringContaining('--config names the paths')])
  })

  test('a file of users that is wrong is refused, without what is in it', async () => {
    const { code, stderr } = await netvia(['proxy', '--users-file', fileOf('secret\n', 'users')])
    expect([code, stderr]).toEqual([3, expect.stringContaining('lines of name:password')])
    expect(stderr).not.toContain('secret\n')
  })
})
