import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { listenProxy } from '../../src/index.js'
import { httpServer, lab, needs } from '../lab/index.js'
import { listening } from '../lab/processes.js'
import { aptUpdate, wasUpdated, writeRepository } from './apt.js'
import { movedDuring } from './moved.js'

needs('nginx', 'dnsmasq', 'git')

const { name } = lab.server
/** Larger than one packet. */
const content = 'netvia '.repeat(20_000)

/** Runs the command without blocking this process, which runs the proxy. */
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
  writeRepository(join(lab.folder, 'apt'))
  const nginx = await lab.nginx(
    httpServer(`location / { root ${lab.folder}; }
      location = /page { default_type text/html; return 200 '<body><script src="/script"></script>'; }
      location = /script { default_type text/javascript; return 200 'document.body.append("written by a script")'; }`),
  )
  const dns = await lab.dnsmasq()
  return async () => {
    await nginx.stop()
    await dns.stop()
  }
}, 60_000)

/** Checks that the traffic of `work` used wan2. `failures`: the expected number of failed connections of the proxy. */
async function through(work: (port: number) => Promise<void>, failures: unknown = 0): Promise<void> {
  const proxy = await listenProxy({ port: 0, device: 'wan2' })
  onTestFinished(() => proxy.close())
  const moved = await movedDuring(() => work(proxy.address().port))
  expect(moved.wan2).toBeGreaterThan(10)
  // A device also counts the kernel's packets to neighbours.
  expect(moved.wan1).toBeLessThan(moved.wan2 / 2)
  expect(proxy.statistics.uplinks.wan2).toMatchObject({ failures, bytesReceived: expect.any(Number) })
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
    const [apt, ...words] = aptUpdate(folder, `http://${name}/apt`, 'root')
    await through(port =>
      run(apt!, '-o', `Acquire::http::Proxy=${scheme}://127.0.0.1:${port}`, ...words).then(() => {}),
    )
    expect(wasUpdated(folder)).toBe(true)
  })
})

describe.each([
  ['socks5h', '5'],
  ['http', 'connect'],
])('by %s', (_scheme, kind) => {
  needs('ssh', 'sshd', 'nc')

  test('ssh logs in through wan2, using nc -X', { timeout: 60_000 }, async () => {
    const folder = join(lab.folder, `ssh-${kind}-${Date.now()}`)
    mkdirSync(folder)
    const file = (name: string) => join(folder, name)
    for (const key of ['host', 'client']) await run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', file(key))
    const settings = [
      ...['ListenAddress 0.0.0.0', 'StrictModes no', 'UsePAM no', 'PidFile none', 'PermitRootLogin prohibit-password'],
      ...[`HostKey ${file('host')}`, `AuthorizedKeysFile ${file('client.pub')}`],
    ]
    writeFileSync(file('sshd_config'), `${settings.join('\n')}\n`)
    // sshd needs this folder for privilege separation. Debian creates it when the service starts.
    mkdirSync('/run/sshd', { recursive: true })
    chmodSync('/run/sshd', 0o755)
    const daemon = (await run('sh', '-c', 'command -v sshd')).trim()
    await listening(lab.spawn('internet', daemon, '-D', '-e', '-f', file('sshd_config')), 'internet', 'tcp', [22])
    const options = ['BatchMode=yes', 'StrictHostKeyChecking=no', `UserKnownHostsFile=${file('known')}`]
    let said = ''
    await through(async port => {
      const proxy = `ProxyCommand=nc -X ${kind} -x 127.0.0.1:${port} %h %p`
      const given = [...options, 'LogLevel=ERROR', proxy].flatMap(option => ['-o', option])
      said = await run('ssh', '-F', '/dev/null', '-i', file('client'), ...given, `root@${name}`, 'cat /proc/net/dev')
    })
    // These are the server's devices, not the router's.
    expect(said).toContain('lo:')
    expect(said).not.toContain('wan2')
  })
})

describe.each(['socks5', 'http'])('by %s', scheme => {
  needs('chromium')

  test('Chromium loads a page and its resources through wan2', { timeout: 90_000 }, async () => {
    const folder = join(lab.folder, `chromium-${scheme}-${Date.now()}`)
    const flags = ['headless', 'no-sandbox', 'disable-gpu', 'disable-quic', 'no-first-run', 'disable-sync']
    const silent = ['disable-background-networking', 'disable-component-update', `user-data-dir=${folder}`]
    let shown = ''
    await through(async port => {
      const proxy = `proxy-server=${scheme}://127.0.0.1:${port}`
      const given = [...flags, ...silent, proxy, 'dump-dom'].map(flag => `--${flag}`)
      shown = await run('chromium', ...given, `http://${name}/page`)
      // Chromium also asks for its vendor's names, which don't exist in the laboratory.
    }, expect.any(Number))
    expect(shown).toContain('written by a script')
  })
})
