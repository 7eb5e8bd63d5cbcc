import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { listenProxy } from '../../src/index.js'
import { httpServer, lab, needs } from '../lab/index.js'
import { movedDuring } from './moved.js'

needs('nginx', 'dnsmasq', 'git')

const { name } = lab.server
/** More than one packet holds. */
const content = 'netvia '.repeat(20_000)

/** In a process of its own: the proxy is in this one. */
async function run(command: string, ...args: string[]): Promise<string> {
  const env = { PATH: process.env.PATH, HOME: lab.folder, GIT_CONFIG_NOSYSTEM: '1', LC_ALL: 'C' }
  const { stdout } = await promisify(execFile)(command, args, { timeout: 40_000, env })
  return stdout
}

beforeAll(async () => {
  const work = join(lab.folder, 'work')
  await run('git', 'init', '-q', work)
  writeFileSync(join(work, 'file'), content)
  await run('git', '-C', work, 'add', 'file')
  await run('git', '-C', work, '-c', 'user.name=n', '-c', 'user.email=n@server.test', 'commit', '-qm', 'first')
  await run('git', 'clone', '-q', '--bare', work, join(lab.folder, 'repository.git'))
  await run('git', '-C', join(lab.folder, 'repository.git'), 'update-server-info')
  mkdirSync(join(lab.folder, 'apt'))
  const entry = [
    'Package: netvia-test',
    'Version: 1',
    'Architecture: all',
    'Filename: x.deb',
    `SHA256: ${'0'.repeat(64)}`,
  ]
  writeFileSync(join(lab.folder, 'apt', 'Packages'), `${[...entry, 'Size: 1', 'Description: none'].join('\n')}\n`)
  const nginx = await lab.nginx(httpServer(`location / { root ${lab.folder}; }`))
  const dns = await lab.dnsmasq()
  return async () => {
    await nginx.stop()
    await dns.stop()
  }
}, 60_000)

/** What the work moved has to have gone through wan2. */
async function through(work: (port: number) => Promise<void>): Promise<void> {
  const proxy = await listenProxy({ port: 0, device: 'wan2' })
  onTestFinished(() => proxy.close())
  const moved = await movedDuring(() => work(proxy.address().port))
  expect(moved.wan2).toBeGreaterThan(10)
  // A device also counts what the kernel says to its neighbours.
  expect(moved.wan1).toBeLessThan(moved.wan2 / 2)
  expect(proxy.statistics.uplinks.wan2).toMatchObject({ failures: 0, bytesReceived: expect.any(Number) })
  expect(proxy.statistics.uplinks.wan2!.connections).toBeGreaterThan(0)
}

describe.each(['socks5h', 'http'])('by %s', scheme => {
  test('git clones through wan2', { timeout: 60_000 }, async () => {
    const target = join(lab.folder, `clone-${scheme}-${Date.now()}`)
    await through(async port => {
      const proxy = `http.proxy=${scheme}://127.0.0.1:${port}`
      await run('git', '-c', proxy, 'clone', '-q', `http://${name}/repository.git`, target)
    })
    expect(readFileSync(join(target, 'file'), 'utf8')).toBe(content)
  })

  test('apt-get updates through wan2', { timeout: 60_000 }, async () => {
    const folder = join(lab.folder, `apt-${scheme}-${Date.now()}`)
    for (const part of ['etc', 'state/lists/partial', 'cache/archives/partial'])
      mkdirSync(join(folder, part), { recursive: true })
    writeFileSync(join(folder, 'etc', 'sources.list'), `deb [trusted=yes] http://${name}/apt ./\n`)
    writeFileSync(join(folder, 'status'), '')
    const options = {
      'Dir::Etc': join(folder, 'etc'),
      'Dir::Etc::sourceparts': '/dev/null',
      'Dir::Etc::parts': '/dev/null',
      'Dir::State': join(folder, 'state'),
      'Dir::State::status': join(folder, 'status'),
      'Dir::Cache': join(folder, 'cache'),
      'APT::Sandbox::User': 'root',
      'Acquire::Languages': 'none',
      'Acquire::Retries': '0',
      'Acquire::GzipIndexes': 'false',
    }
    await through(async port => {
      const proxy = ['-o', `Acquire::http::Proxy=${scheme}://127.0.0.1:${port}`]
      await run(
        'apt-get',
        ...Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]),
        ...proxy,
        'update',
      )
    })
    const lists = join(folder, 'state', 'lists')
    const found = readdirSync(lists).find(file => file.endsWith('_Packages'))
    expect(readFileSync(join(lists, found!), 'utf8')).toContain('Package: netvia-test')
  })
})
