import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { netvia, objects } from './cli-process.js'
import { schemaErrors } from './cli-schema.js'
import { fileOf, startMonitor } from './monitor-command.js'

/** A configuration with an uplink that is up while something listens on `port`. */
const uplinks = (port: number) => `
interval: 200ms
uplinks:
  - { name: one, localAddress: 127.0.0.11, checks: [{ type: tcp, host: 127.0.0.1, port: ${port} }] }
`

const proxied = (port: number, more = '') => `${uplinks(port)}
proxy:
  listen: 127.0.0.1:0
  allowTargets: [127.0.0.0/8]
${more}
`

/** A server that answers with the client's address. */
async function webServer(): Promise<number> {
  const server = createServer((request, response) => response.end(request.socket.remoteAddress)).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function get(proxy: number, target: number, fields = ''): Promise<string> {
  const socket = connect(proxy, '127.0.0.1')
  socket.end(`GET http://127.0.0.1:${target}/ HTTP/1.0\r\nHost: x\r\n${fields}\r\n`)
  return String(Buffer.concat(await socket.toArray()))
}

/** The ports of all proxies that the monitor has started so far. */
function ports(said: string): number[] {
  return [...said.matchAll(/SOCKS5 and HTTP proxy: 127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port))
}

async function port(monitor: ReturnType<typeof startMonitor>): Promise<number> {
  await monitor.says(/SOCKS5 and HTTP proxy/)
  return ports(monitor.said())[0]!
}

const basic = (text: string) => `Proxy-Authorization: Basic ${Buffer.from(text).toString('base64')}\r\n`

describe('netvia monitor with proxy in its file', { timeout: 60_000 }, () => {
  test('serves a proxy over its own uplinks, and shows its traffic', async () => {
    const target = await webServer()
    const socket = join(mkdtempSync(join(tmpdir(), 'netvia-proxied-')), 'monitor.sock')
    const monitor = startMonitor(proxied(target), ['--listen', '0', '--socket', socket])
    expect(await get(await port(monitor), target)).toMatch(/127\.0\.0\.11$/)
    const metrics = () => monitor.url().then(url => fetch(`${url}metrics`).then(response => response.text()))
    await expect.poll(metrics, { timeout: 10_000 }).toContain('netvia_proxy_connections_total{uplink="one"} 1')
    expect(await metrics()).toContain('netvia_uplink_state{uplink="one"')
    const status = await netvia(['status', '--socket', socket])
    expect(status.stdout).toMatch(/^proxy: \d+ client connections?, 0 refused; one \d open of 1, 0 failures/m)
    monitor.child.kill('SIGTERM')
    await monitor.ended
  })

  test('says in JSON where it listens', async () => {
    const target = await webServer()
    const monitor = startMonitor(proxied(target), ['--json'])
    await monitor.says(/"proxy"/)
    monitor.child.kill('SIGTERM')
    const lines = objects(await monitor.ended)
    expect(lines.find(({ event }) => event === 'proxy')).toMatchObject({ address: '127.0.0.1' })
    expect(await schemaErrors(lines)).toEqual([])
  })

  test('SIGHUP adds, changes and ends it, and changes users and targets without a restart', async () => {
    const target = await webServer()
    const users = fileOf('ann:first\n', 'users')
    const monitor = startMonitor(uplinks(target))
    // After this, SIGHUP makes the monitor reload and no longer ends it.
    await monitor.says(/-> up/)
    const reload = async (text: string, count: number) => {
      writeFileSync(monitor.file, text)
      monitor.child.kill('SIGHUP')
      await monitor.says(new RegExp(`(?:configuration read again[\\s\\S]*){${count}}`))
    }
    await reload(proxied(target, `  usersFile: ${users}`), 1)
    const first = await port(monitor)
    const status = async (port: number, password: string) =>
      (await get(port, target, basic(`ann:${password}`))).slice(9, 12)
    expect(await status(first, 'first')).toBe('200')
    writeFileSync(users, 'ann:second\n')
    await reload(proxied(target, `  usersFile: ${users}`), 2)
    await expect.poll(() => status(first, 'second')).toBe('200')
    expect(await status(first, 'first')).toBe('407')
    // An invalid users file changes nothing.
    writeFileSync(users, 'nothing\n')
    monitor.child.kill('SIGHUP')
    await monitor.says(/lines of name:password[\s\S]*netvia continues with the previous one/)
    expect(await status(first, 'second')).toBe('200')
    // Without users, a new proxy must replace the one that requires a password.
    await reload(proxied(target), 3)
    await expect.poll(() => ports(monitor.said()), { timeout: 10_000 }).toHaveLength(2)
    const statusWithoutUsers = async () => (await get(ports(monitor.said())[1]!, target)).slice(9, 12)
    expect(await statusWithoutUsers()).toBe('200')
    // Targets are allowed for the first time, or no more, without one.
    await reload(proxied(target).replace(/ *allowTargets.*/, ''), 4)
    await expect.poll(statusWithoutUsers).toBe('403')
    await reload(proxied(target), 5)
    await expect.poll(statusWithoutUsers).toBe('200')
    expect(ports(monitor.said())).toHaveLength(2)
    await reload(uplinks(target), 6)
    const closed = () =>
      get(ports(monitor.said())[1]!, target).then(
        () => 'open',
        ({ code }) => code,
      )
    await expect.poll(closed, { timeout: 10_000 }).toBe('ECONNREFUSED')
  })

  test('SIGHUP with an unusable listen address changes nothing', async () => {
    const target = await webServer()
    const at = (address: string) => proxied(target).replace('127.0.0.1:0', address)
    const [taken, moved] = [createServer().listen(0, '127.0.0.2'), createServer().listen(0, '127.0.0.1')]
    onTestFinished(() => void taken.close())
    await Promise.all([once(taken, 'listening'), once(moved, 'listening')])
    const [own, other] = [taken, moved].map(server => (server.address() as AddressInfo).port) as [number, number]
    moved.close()
    const monitor = startMonitor(at(`127.0.0.1:${own}`))
    await monitor.says(/-> up/)
    for (const [count, address] of [`127.0.0.1:${target}`, `127.0.0.2:${own}`].entries()) {
      writeFileSync(monitor.file, at(address))
      monitor.child.kill('SIGHUP')
      await monitor.says(new RegExp(`(?:EADDRINUSE[^]*the proxy continues as before[^]*){${count + 1}}`))
      expect(await get(own, target)).toMatch(/127\.0\.0\.11$/)
    }
    writeFileSync(monitor.file, at(`127.0.0.1:${other}`))
    monitor.child.kill('SIGHUP')
    await monitor.says(new RegExp(`proxy: 127\\.0\\.0\\.1:${other}`))
    expect(await get(other, target)).toMatch(/127\.0\.0\.11$/)
    await expect.poll(() => get(own, target).catch(({ code }) => code), { timeout: 10_000 }).toBe('ECONNREFUSED')
  })

  test('does not start if it cannot listen, but waits for the address of a device that comes up late', async () => {
    const target = await webServer()
    const failed = startMonitor(proxied(target).replace('127.0.0.1:0', `127.0.0.1:${target}`))
    const { code, stderr } = await failed.ended
    expect([code, stderr]).toEqual([4, expect.stringContaining('EADDRINUSE')])
    const late = startMonitor(proxied(target, '  allow: [192.0.2.0/24]').replace('127.0.0.1:0', '192.0.2.77:1080'))
    await late.says(/no device has the address 192\.0\.2\.77 yet; the proxy waits for it/)
    await late.says(/watching/)
    late.child.kill('SIGTERM')
    await late.ended
  })

  test('works the same in netvia proxy with the same file, whose flags take precedence', async () => {
    const target = 9
    const file = fileOf(proxied(target, '  maxConnections: 0'))
    expect(await netvia(['proxy', '-c', file])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('maxConnections must be an integer'),
    })
    const open = fileOf(proxied(target))
    const { code, stderr } = await netvia(['proxy', '-c', open, '--listen', '0.0.0.0:0'])
    expect([code, stderr]).toEqual([3, expect.stringContaining('anybody who reaches 0.0.0.0')])
  })
})
