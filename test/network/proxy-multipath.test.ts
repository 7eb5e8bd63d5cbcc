import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { listenProxy, type ProxyOptions } from '../../src/index.js'
import { httpServer, lab, needs } from '../lab/index.js'
import { movedDuring } from './moved.js'

needs('nginx', 'dnsmasq', 'nft', 'curl')

const { address4, address6, name } = lab.server
const body = randomBytes(500_000).toString('hex')
const devices = ['wan1', 'wan2']
const farPort = 1090

async function start(options: ProxyOptions = {}) {
  const upstream = { host: address4, port: farPort, user: 'ann', password: 'secret' }
  const proxy = await listenProxy({ port: 0, multipath: devices, upstream, ...options })
  onTestFinished(() => proxy.close())
  return proxy
}

/** Runs curl without blocking this process, which runs the proxy. */
async function curl(proxy: { address(): { port: number } }, scheme: string, ...args: string[]): Promise<string> {
  const through = ['-sS', '--max-time', '30', '-x', `${scheme}://127.0.0.1:${proxy.address().port}`]
  const { stdout } = await promisify(execFile)('curl', [...through, ...args], {
    env: { PATH: process.env.PATH, HOME: lab.folder },
    maxBuffer: 1 << 24,
  })
  return stdout
}

/** Starts a slow download. Resolves after the first bytes, with a promise for the rest. */
async function download(proxy: { address(): { port: number } }) {
  const through = ['-sSN', '--max-time', '30', '-x', `socks5h://127.0.0.1:${proxy.address().port}`]
  const child = spawn('curl', [...through, `http://${name}/slow/big`])
  onTestFinished(() => void child.kill())
  let received = ''
  child.stdout.on('data', text => {
    received += text
  })
  const done = once(child, 'close').then(([code]) => ({ code, received }))
  await expect.poll(() => received.length, { timeout: 20_000 }).toBeGreaterThan(50_000)
  return { done }
}

if (existsSync('/proc/sys/net/mptcp/pm_type')) {
  beforeAll(async () => {
    writeFileSync(join(lab.folder, 'big'), body)
    const locations = `location / { return 200 "$remote_addr"; } location /slow/ { alias ${lab.folder}/; limit_rate 200k; }`
    await lab.nginx(httpServer(locations))
    await lab.dnsmasq()
    const file = join(lab.folder, 'proxy-users')
    writeFileSync(file, 'ann:secret\n')
    const far = ['--listen', `${address4}:${farPort}`, '--users-file', file, '--accept-multipath', '--server', address4]
    const allowed = ['--allow-target', address4, '--allow-target', address6]
    const child = lab.spawn('internet', process.execPath, 'dist/cli.cjs', 'proxy', ...far, ...allowed)
    await once(child.stdout!, 'data')
  })

  test('the download of a program without Multipath TCP survives the silent loss of either uplink', async () => {
    const proxy = await start()
    for (const isp of ['isp1', 'isp2'] as const) {
      const { done } = await download(proxy)
      const repair = lab.fault(isp, 'meta l4proto tcp drop')
      expect(await done).toEqual({ code: 0, received: body })
      repair()
    }
    expect(proxy.statistics.uplinks).toMatchObject({ 'wan1+wan2': { connections: 2, failures: 0 } })
  })

  test('the same through the command, with the second uplink as a backup', async () => {
    const file = join(lab.folder, 'upstream-user')
    writeFileSync(file, 'ann:secret\n')
    const near = ['--listen', '127.0.0.1:1091', '-I', 'wan1', '--backup', 'wan2', '--multipath']
    const far = ['--upstream', `${address4}:${farPort}`, '--upstream-user-file', file]
    const child = lab.spawn('router', process.execPath, 'dist/cli.cjs', 'proxy', ...near, ...far)
    await once(child.stdout!, 'data')
    const { done } = await download({ address: () => ({ port: 1091 }) })
    lab.fault('isp1', 'meta l4proto tcp drop')
    expect(await done).toEqual({ code: 0, received: body })
  })

  describe('through another proxy', () => {
    test.each([
      ['socks5h', `http://${name}/`],
      ['socks5', `http://${address4}/`],
      ['socks5', `http://[${address6}]/`],
      ['http', `http://${name}/`],
    ])('curl by %s to %s uses only wan2, names included', async (scheme, url) => {
      const proxy = await start({ multipath: undefined, device: 'wan2' })
      let seen = ''
      const moved = await movedDuring(async () => {
        seen = await curl(proxy, scheme, url)
      })
      expect([address4, address6]).toContain(seen)
      expect(moved.wan1).toBe(0)
      expect(moved.wan2).toBeGreaterThan(5)
    })

    test.each([
      ['a target that refuses', `http://${address4}:9/`, { code: 97, said: /\(5\)|refused/i, status: '502' }],
      ['a name that does not exist', 'http://missing.test/', { code: 97, said: /\(4\)|unreachable/i, status: '502' }],
      ['a target that the other one refuses', 'http://10.9.9.9/', { code: 97, said: /\(2\)|allowed/i, status: '403' }],
    ])("passes on the other proxy's answer for %s", async (_, url, { code, said, status }) => {
      const proxy = await start({ allowTargets: ['10.9.9.9'] })
      const error = await curl(proxy, 'socks5h', url).catch(error => error)
      expect(error).toMatchObject({ code, stderr: expect.stringMatching(said) })
      expect(await curl(proxy, 'http', '-o', '/dev/null', '-w', '%{http_code}', url)).toBe(status)
    })

    test('an address that this proxy refuses never reaches the other', async () => {
      const proxy = await start()
      expect(await curl(proxy, 'http', '-o', '/dev/null', '-w', '%{http_code}', 'http://10.9.9.9/')).toBe('403')
      expect(proxy.statistics.uplinks).toEqual({})
    })

    test.each([
      ['a wrong password', { user: 'ann', password: 'wrong' }],
      ['no password', {}],
    ])('fails with %s', async (_, login) => {
      const proxy = await start({ upstream: { host: address4, port: farPort, ...login } })
      expect(await curl(proxy, 'http', '-o', '/dev/null', '-w', '%{http_code}', `http://${name}/`)).toBe('502')
      expect(proxy.statistics.uplinks).toMatchObject({ 'wan1+wan2': { connections: 0, failures: 1 } })
    })

    test('UDP ASSOCIATE is refused, because it would bypass the other proxy', async () => {
      const proxy = await start()
      const client = (await import('node:net')).connect(proxy.address().port, '127.0.0.1')
      onTestFinished(() => void client.destroy())
      client.write(Buffer.from([5, 1, 0, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0]))
      let bytes = Buffer.alloc(0)
      client.on('data', chunk => {
        bytes = Buffer.concat([bytes, chunk])
      })
      await expect.poll(() => bytes.length, { timeout: 10_000 }).toBeGreaterThan(4)
      expect([...bytes.subarray(0, 4)]).toEqual([5, 0, 5, 7])
    })
  })
}
