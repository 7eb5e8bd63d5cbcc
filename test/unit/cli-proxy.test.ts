import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { netvia, objects, startCli } from './cli-process.js'
import { schemaErrors } from './cli-schema.js'
import { fileOf } from './monitor-command.js'

/** The checks use a port with a listener, because a late request would fail if the uplinks were down. */
const uplinks = (port: number) => `
uplinks:
  - { name: one, localAddress: 127.0.0.11, checks: [{ type: tcp, host: 127.0.0.1, port: ${port} }] }
  - { name: two, localAddress: 127.0.0.12, checks: [{ type: tcp, host: 127.0.0.1, port: ${port} }] }
`

/** A server that answers with the client's address. */
async function webServer(): Promise<number> {
  const server = createServer((request, response) => response.end(request.socket.remoteAddress)).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** Starts the command. Resolves once it listens. */
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
  test('uses a path, and reports its traffic at the end', async () => {
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

  test('distributes connections among the uplinks of a file', { timeout: 30_000 }, async () => {
    const target = await webServer()
    const { child, port, said } = await start(['-c', fileOf(uplinks(target)), '--policy', 'weighted'])
    const answers = [await get(port, target), await get(port, target)].map(text => text.split('\r\n').at(-1))
    expect(answers.toSorted()).toEqual(['127.0.0.11', '127.0.0.12'])
    await expect.poll(said, { timeout: 15_000 }).toContain('"state"')
    child.kill('SIGINT')
    const lines = objects(await child.ended)
    expect(await schemaErrors(lines)).toEqual([])
    expect(lines.map(({ event }) => event)).toContain('state')
  })

  test('requires a password from its file', async () => {
    const target = await webServer()
    const { port } = await start(['--users-file', fileOf('# people\n\nann:se:cret\r\n', 'users')])
    const field = (text: string) => `Proxy-Authorization: Basic ${Buffer.from(text).toString('base64')}\r\n`
    expect(await get(port, target)).toMatch(/^HTTP\/1.1 407/)
    expect(await get(port, target, field('ann:se'))).toMatch(/^HTTP\/1.1 407/)
    expect(await get(port, target, field('ann:se:cret'))).toMatch(/^HTTP\/1.1 200/)
  })

  test('reports the traffic of each uplink to Prometheus and to netvia status', { timeout: 30_000 }, async () => {
    const target = await webServer()
    const socket = join(mkdtempSync(join(tmpdir(), 'netvia-proxy-')), 'proxy.sock')
    const { port, child, said } = await start([
      ...['-c', fileOf(uplinks(target)), '--listen-metrics', '127.0.0.1:0', '--socket', socket],
    ])
    await expect.poll(said, { timeout: 10_000 }).toContain('"metrics"')
    const { url } = said()
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line))
      .find(({ event }) => event === 'metrics') as { url: string }
    const text = () => fetch(url).then(response => response.text())
    expect(await text()).toContain('netvia_proxy_connections_total{uplink="one"} 0')
    expect(await get(port, target)).toMatch(/127\.0\.0\.11$/)
    await expect.poll(text).toContain('netvia_proxy_open_connections{uplink="one"} 0')
    const lines = await text()
    expect(lines).toContain('netvia_proxy_connections_total{uplink="one"} 1')
    expect(lines).toContain('netvia_proxy_failures_total{uplink="one"} 0')
    expect(lines).toContain('netvia_proxy_refused_clients_total 0')
    expect(lines).toMatch(/netvia_proxy_received_bytes_total\{uplink="one"\} [1-9]/)
    expect(lines).toMatch(/netvia_proxy_sent_bytes_total\{uplink="one"\} [1-9]/)
    expect(lines).toContain('netvia_uplink_state{uplink="one"')
    expect((await fetch(url.replace('metrics', 'other'))).status).toBe(404)
    const status = await netvia(['status', '--socket', socket])
    expect(status.stdout).toMatch(/^proxy: \d+ client connections?, 0 refused; one 0 open of 1, 0 failures/m)
    const json = await netvia(['status', '--socket', socket, '--json'])
    expect(await schemaErrors(objects(json))).toEqual([])
    expect(objects(json)[0]).toMatchObject({ proxy: { uplinks: { one: { connections: 1 } } } })
    child.kill('SIGINT')
    expect(await schemaErrors(objects(await child.ended))).toEqual([])
  })

  test('SIGHUP reads users and uplinks again, and a wrong file changes nothing', { timeout: 30_000 }, async () => {
    const target = await webServer()
    const [config, users] = [fileOf(uplinks(target)), fileOf('ann:first\n', 'users')]
    const { port, child, said } = await start(['-c', config, '--users-file', users])
    const status = async (password: string) => {
      const field = `Proxy-Authorization: Basic ${Buffer.from(`ann:${password}`).toString('base64')}\r\n`
      return (await get(port, target, field)).match(/^HTTP\/1.1 (\d+)[\s\S]*?(127\.0\.0\.\d+)?$/)!.slice(1)
    }
    expect(await status('first')).toEqual(['200', '127.0.0.11'])
    writeFileSync(users, 'ann:second\n')
    writeFileSync(config, uplinks(target).replace('127.0.0.11', '127.0.0.13'))
    child.kill('SIGHUP')
    await expect.poll(said, { timeout: 10_000 }).toContain('"reload"')
    expect(await status('first')).toEqual(['407', undefined])
    expect(await status('second')).toEqual(['200', '127.0.0.13'])
    writeFileSync(users, 'nothing\n')
    child.kill('SIGHUP')
    await expect.poll(said, { timeout: 10_000 }).toContain('"error"')
    expect(await status('second')).toEqual(['200', '127.0.0.13'])
  })

  test.each([
    [['--socket', '/tmp/never.sock'], /--socket needs the uplinks/],
    [['--listen', '0', '--listen-metrics', '0.0.0.0:0'], /--listen-metrics: .* a token is needed/],
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

  test('a path together with a file is refused', async () => {
    const { code, stderr } = await netvia(['proxy', '-I', 'lo', '-c', fileOf(uplinks(9))])
    expect([code, stderr]).toEqual([3, expect.stringContaining('--config names the paths')])
  })

  test('an invalid users file is refused without showing its content', async () => {
    const { code, stderr } = await netvia(['proxy', '--users-file', fileOf('secret\n', 'users')])
    expect([code, stderr]).toEqual([3, expect.stringContaining('lines of name:password')])
    expect(stderr).not.toContain('secret\n')
  })
})
