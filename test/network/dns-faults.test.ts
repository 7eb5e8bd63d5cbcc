import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { resolve } from '../../src/protocols/dns/resolve.js'
import { lab, needs } from '../lab/index.js'
import { netvia } from '../unit/cli-process.js'
import { fillQueue } from './full-queue.js'
import { movedDuring } from './moved.js'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const { address4 } = lab.server

describe('a resolver on this machine, through a device', () => {
  needs('dnsmasq')
  beforeAll(async () => {
    const { stop } = await lab.dnsmasq()
    return stop
  })

  /** Looks a name up through wan2 with this resolv.conf and these files below /run. */
  async function lookUp(resolvConf: string, files: Record<string, string> = {}, servers?: string[]) {
    const file = join(lab.folder, 'dns-faults-resolv.conf')
    writeFileSync(file, resolvConf)
    const made = Object.entries(files).map(
      ([name, text]) => `mkdir -p "$(dirname '${name}')"; printf '%s' '${text}' > '${name}'`,
    )
    const script = [`mount --bind '${file}' /etc/resolv.conf`, 'mount -t tmpfs none /run', ...made, 'exec "$@"'].join(
      '\n',
    )
    const program = [process.execPath, path('dns-from-files.mjs'), JSON.stringify({ device: 'wan2', servers })]
    let printed: Record<string, unknown> = {}
    const moved = await movedDuring(async () => {
      const { stdout } = await promisify(execFile)('unshare', ['--mount', 'sh', '-ec', script, 'sh', ...program])
      printed = JSON.parse(stdout)
    })
    const { ms, ...found } = printed
    return { found, moved, ms }
  }

  const wan2Index = readFileSync('/sys/class/net/wan2/ifindex', 'utf8').trim()
  const own = [
    '127.0.0.53',
    '127.0.0.11',
    '0.0.0.0',
    '::1',
    '::',
    lab.wan1.address4,
    lab.wan2.address4,
    lab.wan1.address6,
  ]

  test.each(own)('at %s is not asked: without upstream servers, the lookup fails immediately', async address => {
    const { found, moved, ms } = await lookUp(`nameserver ${address}\n`)
    expect(found).toMatchObject({ code: 'ENETUNREACH', hint: expect.stringContaining('give servers') })
    expect(found.message).toContain(address)
    expect(moved).toMatchObject({ wan1: 0, wan2: 0 })
    // The lookup's time limit is 30 s.
    expect(ms).toBeLessThan(20_000)
  })

  test('is not asked even if the caller names it', async () => {
    const { found, moved } = await lookUp(`nameserver ${address4}\n`, {}, ['127.0.0.53', lab.wan1.address4])
    expect(found).toMatchObject({ code: 'ERR_OFF_PATH', hint: expect.stringContaining('give servers') })
    expect(moved).toMatchObject({ wan1: 0, wan2: 0 })
  })

  test("an address of a device without carrier counts as this machine's too", async () => {
    lab.run('router', 'ip', 'link', 'add', 'bridge9', 'type', 'bridge')
    try {
      lab.run('router', 'ip', 'address', 'add', '198.51.100.9/24', 'dev', 'bridge9')
      lab.run('router', 'ip', 'link', 'set', 'bridge9', 'up')
      const { found, moved } = await lookUp('nameserver 198.51.100.9\n')
      expect(found).toMatchObject({ code: 'ENETUNREACH' })
      expect(moved).toMatchObject({ wan1: 0, wan2: 0 })
    } finally {
      lab.run('router', 'ip', 'link', 'delete', 'bridge9')
    }
  })

  test("a further address of a subnet counts as this machine's too", async () => {
    const further = lab.wan1.address4.replace(/\d+$/, '77')
    lab.run('router', 'ip', 'address', 'add', `${further}/24`, 'dev', 'wan1')
    try {
      const { found, moved } = await lookUp(`nameserver ${further}\n`)
      expect(found).toMatchObject({ code: 'ENETUNREACH' })
      expect(moved).toMatchObject({ wan1: 0, wan2: 0 })
    } finally {
      lab.run('router', 'ip', 'address', 'delete', `${further}/24`, 'dev', 'wan1')
    }
  })

  const stub = 'nameserver 127.0.0.53\n'
  test.each([
    [
      'systemd-resolved, of this link',
      stub,
      { [`/run/systemd/resolve/netif/${wan2Index}`]: `SERVERS=${address4}#dns.test\n` },
    ],
    ['systemd-networkd, of this link', stub, { [`/run/systemd/netif/links/${wan2Index}`]: `DNS=${address4}\n` }],
    ['systemd-resolved', stub, { '/run/systemd/resolve/resolv.conf': `nameserver ${address4}\n` }],
    ['NetworkManager', stub, { '/run/NetworkManager/no-stub-resolv.conf': `nameserver ${address4}\n` }],
    ['resolvconf with dnsmasq', stub, { '/run/dnsmasq/resolv.conf': `nameserver ${address4}\n` }],
    ['Docker', `nameserver 127.0.0.11\n# ExtServers: [host(${address4})]\n`, {}],
    ['the fourth of a list', `${stub}nameserver 127.0.0.1\nnameserver ::1\nnameserver ${address4}\n`, {}],
  ])('its upstream server is asked: %s', async (_where, resolvConf, files) => {
    const { found, moved } = await lookUp(resolvConf, files as Record<string, string>)
    expect(found).toEqual({ addresses: [address4] })
    expect(moved.wan1).toBe(0)
  })

  test('the servers of this device precede those of the machine', async () => {
    const { found, moved } = await lookUp(stub, {
      '/run/systemd/resolve/resolv.conf': `nameserver ${lab.wan1.gateway4}\n`,
      [`/run/systemd/resolve/netif/${wan2Index}`]: `SERVERS=${address4}\n`,
    })
    expect(found).toEqual({ addresses: [address4] })
    expect(moved.wan1).toBe(0)
  })
})

describe('a slow name server', () => {
  needs('tcpdump')
  let port = 5400

  async function slowServer(delay: number, unreachable?: number): Promise<string> {
    const settings = JSON.stringify({ address: address4, port: ++port, delay, unreachable })
    await once(lab.spawn('internet', process.execPath, path('dns-slow-server.mjs'), settings).stdout!, 'data')
    return `${address4}:${port}`
  }

  test('that answers too late, or after an abort, causes no packet on the default route', async () => {
    const servers = [await slowServer(1200)]
    const capture = await lab.capture('wan1', 'icmp')
    const options = { device: 'wan2', type: 'A', servers } as const
    await expect(resolve('late.test', { ...options, timeout: 300 })).rejects.toMatchObject({ code: 'ETIMEOUT' })
    const controller = new AbortController()
    setTimeout(() => controller.abort('enough'), 300)
    await expect(resolve('late.test', { ...options, signal: controller.signal })).rejects.toBe('enough')
    await sleep(1500)
    expect(await capture.stop()).toEqual([])
  })

  test.each([
    ['its port is closed', 3],
    ['its host is unknown', 7],
    ['its host is isolated', 8],
  ])('is believed, although earlier ICMP errors said that %s', async (_, code) => {
    const servers = [await slowServer(800, code)]
    const asked = resolve('slow.test', { device: 'wan2', type: 'A', servers, timeout: 5000 })
    await expect(asked).rejects.toMatchObject({ code: 'ENODATA' })
  })
})

describe('exit codes', () => {
  needs('dnsmasq', 'nft')
  beforeAll(async () => {
    const { stop } = await lab.dnsmasq()
    return stop
  })

  const commands = (name: string) => [
    ['ping', '-c', '1', '-W', '3', name],
    ['sweep', '-t', '3000', name],
    ['trace', '-w', '3', name],
    ['connect', `${name}:80`],
    ['http', `http://${name}/`],
    ['dns', name],
    ['scan', '-p', '80', name],
  ]
  const codes = async (name: string) => {
    const ended = await Promise.all(commands(name).map(args => netvia([args[0]!, '-I', 'wan2', ...args.slice(1)])))
    return Object.fromEntries(ended.map(({ code }, index) => [commands(name)[index]![0], code]))
  }
  const all = (code: number) => Object.fromEntries(commands('').map(([command]) => [command, code]))

  test('a name that does not exist exits with 2 in every subcommand', async () => {
    expect(await codes('missing.test')).toEqual(all(2))
  })
  test('a name server that refuses exits with 1', async () => {
    expect(await codes('host.example')).toEqual(all(1))
  })
  test('a silent name server exits with 1', async () => {
    lab.fault('internet', 'udp dport 53 drop')
    expect(await codes('server.test')).toEqual(all(1))
  })
})

describe('an /etc/resolv.conf that is a directory', () => {
  test.each(['wan2', undefined])('is the reason why no server answers, on %s', async device => {
    const script = 'mount -t tmpfs none /etc; mkdir /etc/resolv.conf; exec "$@"'
    const program = [process.execPath, path('dns-from-files.mjs'), JSON.stringify({ device })]
    const { stdout } = await promisify(execFile)('unshare', ['--mount', 'sh', '-ec', script, 'sh', ...program])
    const { code, message, hint } = JSON.parse(stdout)
    expect({ code, message }).toEqual({
      code: 'EISDIR',
      message: expect.stringContaining("/etc/resolv.conf can't be read: EISDIR"),
    })
    expect(hint).toContain('make it readable')
  })
})

describe("the queue of this machine's own device is full", () => {
  test.each([lab.server.address4, lab.server.address6])('%s was not asked', async server => {
    fillQueue()
    const options = { device: 'wan2', servers: [server], timeout: 2000 }
    await expect(resolve('server.test', options)).rejects.toMatchObject({ code: 'ENOBUFS', device: 'wan2' })
  })

  test('and has room at the time of the next attempt', async () => {
    await lab.dnsmasq()
    const empty = fillQueue()
    const answer = resolve('server.test', { device: 'wan2', servers: [address4], timeout: 15_000 })
    await nextTurn()
    empty()
    expect((await answer).map(({ address }) => address)).toContain(address4)
  })
})
