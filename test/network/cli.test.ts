import { chmodSync, copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, test } from 'vitest'
import { atEnd, lab, needs } from '../lab/index.js'
import { collect, command, type Ended, netvia, objects, startCli } from '../unit/cli-process.js'
import { schemaErrors } from '../unit/cli-schema.js'
import { movedDuring } from './moved.js'

const { wan1, wan2, server } = lab
const bothDevices = ['-I', 'wan1', '-I', 'wan2']

needs('dnsmasq')
beforeAll(async () => {
  await lab.dnsmasq()
})

describe('two uplinks', () => {
  needs('nginx', 'nft')
  let ca: string

  beforeAll(async () => {
    await lab.nginx()
    ca = join(lab.folder, 'cli-ca.pem')
    writeFileSync(ca, lab.ca)
  })

  it('are shown side by side in one table of http, each measured over its own device', async () => {
    let ended: Ended | undefined
    const packets = await movedDuring(async () => {
      ended = await netvia(['http', ...bothDevices, '--cacert', ca, '-4', `https://${server.name}/`])
    })
    const { code, stdout } = ended!
    const time = '[\\d.]+ ms +'
    expect(stdout).toMatch(/^uplink +status +dns +connect +tls +first byte +total/)
    for (const device of ['wan1', 'wan2']) {
      expect(stdout).toMatch(new RegExp(`^${device} +200 +${time.repeat(5)}203\\.0\\.113\\.1 +\\d+ days$`, 'm'))
    }
    expect(code).toBe(0)
    // DNS, handshake, TLS and request: each uplink carried all packets of its own check.
    expect(Math.min(packets.wan1, packets.wan2)).toBeGreaterThan(10)
  })

  test.each([
    ['http', `http://${server.name}/`],
    ['connect', server.name, '80'],
    ['dns', server.name],
    ['ping', '-c', '2', '-i', '0.01', server.name],
    ['scan', '-p', '80,443,9', server.name],
    ['sweep', server.name, '10.64.0.0/28'],
    ['trace', server.name],
    ['trace', '-M', 'udp', server.name],
    ['trace', '-M', 'tcp', server.name],
  ])('with -I wan2 nothing uses wan1: %s', async (...args) => {
    const [name, ...rest] = args
    const packets = await movedDuring(async () => {
      expect(await netvia([name!, '-I', 'wan2', ...rest])).toMatchObject({ code: 0, stderr: '' })
    })
    expect(packets.wan1).toBe(0)
    expect(packets.wan2).toBeGreaterThan(0)
  })

  it('are distinguished in objects, with the addresses that were really used', async () => {
    const found = objects(await netvia(['http', '--json', ...bothDevices, '-4', `http://${server.name}/`]))
    const by = Object.fromEntries(found.map(object => [object.device, object.localAddress]))
    expect(by).toEqual({ wan1: wan1.address4, wan2: wan2.address4 })
  })

  it('are compared by ping, sweep and scan as well', async () => {
    const ping = await netvia(['ping', '-c', '3', '-i', '0.01', ...bothDevices, server.address4])
    for (const device of ['wan1', 'wan2']) {
      expect(ping.stdout).toMatch(new RegExp(`^${device}: 64 bytes from 203\\.0\\.113\\.1: icmp_seq=3 `, 'm'))
      expect(ping.stdout).toMatch(new RegExp(`^${device} +[\\d.]+ ms +3 +0 +3 +0% `, 'm'))
    }
    const scan = await netvia(['scan', '-p', '80,9', ...bothDevices, server.address4])
    expect(scan.stdout).toMatch(/^port +wan1 +wan2$/m)
    expect(scan.stdout).toMatch(/^ +80 +open +[\d.]+ ms +open +[\d.]+ ms$/m)
    const sweep = await netvia(['sweep', ...bothDevices, '10.64.0.0/29'])
    for (const device of ['wan1', 'wan2']) {
      expect(sweep.stdout).toMatch(new RegExp(`^${device}: 10\\.64\\.0\\.6 is alive$`, 'm'))
      expect(sweep.stdout).toMatch(new RegExp(`^${device} +6 +0 +6 +0 +6 +0% `, 'm'))
    }
    expect([ping.code, scan.code, sweep.code]).toEqual([0, 0, 0])
  })

  it('are compared hop by hop', async () => {
    const { code, stdout } = await netvia(['trace', ...bothDevices, '-n', server.address4])
    const [head, first, second, ...rest] = stdout.trimEnd().split('\n')
    expect(head).toMatch(/^hop +wan1 +wan2$/)
    expect(first).toMatch(/^ +1 +192\.0\.2\.1 +[\d.]+ ms +198\.51\.100\.1 +[\d.]+ ms$/)
    expect(second).toMatch(/^ +2 +203\.0\.113\.1 +[\d.]+ ms +203\.0\.113\.1 +[\d.]+ ms$/)
    expect({ rest, code }).toEqual({ rest: [], code: 0 })
  })

  it('show in a trace that nothing answers beyond a hop', async () => {
    const repair = lab.fault('isp2', 'oifname "core" drop')
    const args = ['trace', '-I', 'wan2', '-m', '3', '-q', '1', '-w', '300ms', '-n', '--json', server.address4]
    const ended = await netvia(args)
    repair()
    const hops = objects(ended).filter(({ event }) => event === 'result')
    expect(hops.map(({ ttl, address }) => [ttl, address])).toEqual([
      [1, '198.51.100.1'],
      [2, undefined],
      [3, undefined],
    ])
    expect(objects(ended).at(-1)).toMatchObject({ event: 'summary', device: 'wan2', reached: false, hops: 3 })
    expect(ended.code).toBe(1)
  })

  it('are pinged side by side, also with several hosts in one call', async () => {
    const both = [server.address4, '203.0.113.99']
    const { code, stdout } = await netvia([
      'ping',
      '-c',
      '2',
      '-i',
      '0.01',
      '-W',
      '0.5',
      '-I',
      'wan2',
      ...both,
      both[0]!,
    ])
    expect(stdout).toMatch(/^203\.0\.113\.1: 64 bytes from 203\.0\.113\.1: icmp_seq=2 /m)
    expect(stdout).toMatch(/^host +last +sent/m)
    expect(stdout).toMatch(/^203\.0\.113\.1 +[\d.]+ ms +2 +0 +2 +0% /m)
    expect(stdout).toMatch(/^203\.0\.113\.99 +(timeout|unreachable) +2 +0 +0 +100% /m)
    expect(code).toBe(1)
    const crossed = await netvia(['ping', '--json', '-q', '-c', '1', ...bothDevices, server.address4, server.address6])
    const summaries = objects(crossed).filter(({ event }) => event === 'summary')
    expect(summaries.map(({ device, host }) => [host, device])).toHaveLength(4)
  })

  it('report rejections in ping, and in http what to do about a certificate', async () => {
    const { code, stdout } = await netvia(['ping', '-c', '2', '-i', '0.01', '-t', '1', '-I', 'wan2', server.address4])
    expect(stdout).toMatch(/^2 packets transmitted, 0 received, \+2 errors, 100% packet loss, time \d+ms$/m)
    expect(code).toBe(1)
    const http = await netvia(['http', '-I', 'wan2', `https://${server.name}/`])
    expect(http.stdout).toMatch(/^wan2: TLS handshake .*; --cacert names who signed it, -k accepts any$/m)
  })

  it('fail independently of each other', async () => {
    const repair = lab.fault('isp2', 'tcp dport 80 reject with tcp reset')
    const { code, stdout } = await netvia(['http', ...bothDevices, `http://${server.name}/`])
    repair()
    expect(stdout).toMatch(/^wan1 +200 /m)
    expect(stdout).toMatch(/^wan2 +failed /m)
    expect(stdout).toMatch(/^wan2: .*ECONNREFUSED/m)
    expect(code).toBe(1)
  })
})

describe('--json', () => {
  needs('nft')

  test.each([
    ['ping', '-c', '1', '-I', 'wan2', '-t', '1', server.address4],
    ['ping', '-c', '1', '-M', 'do', '-s', '3000', server.address4],
    ['ping', '-c', '1', '-W', '0.2', '203.0.113.99'],
    ['sweep', ...bothDevices, '10.64.0.0/30', 'nowhere.test'],
    ['trace', '-I', 'wan2', server.name],
    ['dns', '-t', 'AAAA', server.name],
    ['scan', '-a', '-p', '53,9', server.address4],
    ['devices'],
  ])('prints objects that match the schema: %s', async (name, ...args) => {
    const lines = objects(await netvia([name!, '--json', ...args]))
    expect(lines).not.toEqual([])
    expect(await schemaErrors(lines)).toEqual([])
  })

  it('prints changes of devices as in the schema', async () => {
    const child = startCli(['devices', '--watch', '--json'])
    child.stdout!.once('data', () => {
      lab.addDevice('tmp3')
      lab.run('router', 'ip', 'link', 'set', 'tmp3', 'down')
    })
    let text = ''
    child.stdout!.on('data', chunk => {
      text += chunk
      if (/"about":"link","change":"changed"[^\n]*"up":false[^\n]*"previous"/.test(text)) child.kill('SIGTERM')
    })
    const lines = objects(await child.ended)
    expect(new Set(lines.map(({ about }) => about))).toEqual(new Set([undefined, 'link', 'address', 'route']))
    expect(await schemaErrors(lines)).toEqual([])
  })
})

describe('doctor', () => {
  interface Finding {
    about: string
    status: string
    fix?: string
    optional?: boolean
  }

  async function findingsOf(args: string[] = [], run = netvia): Promise<(about: string) => Finding> {
    const lines = objects(await run(['doctor', '--json', ...args]))
    expect(await schemaErrors(lines)).toEqual([])
    const all = lines as unknown as Finding[]
    return about => all.find(finding => finding.about === about) ?? { about, status: 'not looked at' }
  }

  /** Expects that doctor reports "no", runs the command that it names, and expects "yes". */
  async function cured(
    about: string,
    args: string[] = [],
    prepare = (fix: string) => fix,
    run = netvia,
  ): Promise<void> {
    const before = (await findingsOf(args, run))(about)
    expect(before).toMatchObject({ about, status: 'no', fix: expect.any(String) })
    lab.run('router', 'sh', '-ec', prepare(before.fix!))
    expect((await findingsOf(args, run))(about)).toMatchObject({ about, status: 'yes' })
  }

  function sysctl(path: string, value: string): void {
    const file = `/proc/sys/net/${path}`
    const old = readFileSync(file, 'utf8')
    writeFileSync(file, value)
    atEnd(() => writeFileSync(file, old))
  }

  const ownNode = `${lab.folder}/node`

  /** Runs netvia as an unprivileged user with a copy of Node, because setcap must not change the machine's own Node. */
  function nobody(args: string[]): Promise<Ended> {
    const wrapper = [
      '--reuid',
      '65534',
      '--regid',
      '65534',
      '--clear-groups',
      '--inh-caps=-all',
      ownNode,
      command,
      ...args,
    ]
    const child = lab.spawn('router', 'setpriv', ...wrapper)
    return collect(child)
  }

  beforeAll(async () => {
    chmodSync(lab.folder, 0o755)
    copyFileSync(process.execPath, ownNode)
  })

  it('finds nothing wrong in the laboratory', async () => {
    const { code, stdout } = await netvia(['doctor'])
    expect(stdout).not.toMatch(/^no /m)
    expect(stdout).toMatch(/^note +default routes, IPv4: wan1 \(metric 100\), wan2 \(metric 200\)/m)
    expect(stdout).toMatch(/^yes +wan2: rp_filter/m)
    expect(code).toBe(0)
  })

  it('lets everybody ping', async () => {
    sysctl('ipv4/ping_group_range', '1 0')
    expect(await nobody(['ping', '-c', '1', server.address4])).toMatchObject({ code: 4 })
    expect(await nobody(['doctor'])).toMatchObject({ code: 4 })
    await cured('ping without privilege, IPv4', [], undefined, nobody)
    expect((await findingsOf([], nobody))('ping without privilege, IPv6')).toMatchObject({ status: 'yes' })
    expect(await nobody(['ping', '-c', '1', server.address4])).toMatchObject({ code: 0 })
  })

  it('lets everybody listen on low ports', async () => {
    sysctl('ipv4/ip_unprivileged_port_start', '1024')
    await cured('listen on low ports', [], undefined, nobody)
  })

  test.each([
    'CAP_NET_RAW',
    'CAP_NET_ADMIN',
    'CAP_NET_BIND_SERVICE',
    'ping by raw socket, IPv4',
    'ping by raw socket, IPv6',
    'firewall marks',
  ])('gives Node what it needs: %s', async about => {
    // Copy Node again, without the capabilities from the previous test.
    rmSync(ownNode)
    copyFileSync(process.execPath, ownNode)
    await cured(about, [], undefined, nobody)
  })

  it('lets replies in through the second uplink', async () => {
    sysctl('ipv4/conf/wan2/rp_filter', '1')
    const ping = () => netvia(['ping', '-I', 'wan2', '-c', '1', '-W', '0.5', server.address4])
    expect(await ping()).toMatchObject({ code: 1 })
    await cured('wan2: rp_filter')
    expect(await ping()).toMatchObject({ code: 0 })
  })

  it('lets IPv6 packets use a deprecated address of their device', async () => {
    const { address6, gateway6 } = lab.addDevice('tmp3')
    const ping = () => netvia(['ping', '-I', 'tmp3', '-c', '1', '-W', '0.5', gateway6])
    const about = 'tmp3: IPv6 source address'
    expect((await findingsOf(['-I', 'tmp3']))(about)).toMatchObject({ status: 'not looked at' })
    // The address is deprecated, as if the link's router had been silent for a while.
    const lifetimes = ['preferred_lft', '0', 'valid_lft', '1000']
    lab.run('router', 'ip', 'address', 'change', `${address6}/64`, 'dev', 'tmp3', ...lifetimes)
    expect(await ping()).toMatchObject({ code: 1 })
    // The kernel uses only the device's own addresses.
    sysctl('ipv6/conf/all/use_oif_addrs_only', '1')
    await cured(about, ['-I', 'tmp3'])
    expect(await ping()).toMatchObject({ code: 0 })
  })

  it('switches a device on, and gives it a route', async () => {
    const tmp1 = lab.addDevice('tmp1')
    lab.run('router', 'ip', 'link', 'set', 'tmp1', 'down')
    await cured('tmp1: up', ['-I', 'tmp1'])
    // The kernel removed the routes with the device.
    await cured('tmp1: default route', ['-I', 'tmp1'], fix => fix.replace('GATEWAY', tmp1.gateway4))
    expect(await netvia(['ping', '-I', 'tmp1', '-c', '1', server.address4])).toMatchObject({ code: 0 })
  })

  it('detects a device without carrier', async () => {
    lab.addDevice('tmp2')
    lab.run('internet', 'ip', 'link', 'set', 'tmp2', 'down')
    expect((await findingsOf(['-I', 'tmp2']))('tmp2: carrier')).toMatchObject({ status: 'no' })
    expect(await netvia(['doctor', '-I', 'tmp2'])).toMatchObject({ code: 4 })
  })

  it('finds a name server that answers through the device', async () => {
    const file = '/etc/resolv.conf'
    const old = readFileSync(file, 'utf8')
    atEnd(() => writeFileSync(file, old))
    writeFileSync(file, 'nameserver 203.0.113.99\noptions timeout:1 attempts:1\n')
    const about = 'wan2: name server'
    const before = (await findingsOf(['-I', 'wan2']))(about)
    expect(before).toMatchObject({ status: 'no', fix: expect.stringContaining('ADDRESS') })
    lab.run('router', 'sh', '-ec', before.fix!.replace('ADDRESS', server.address4))
    // This dnsmasq refuses questions about other domains, but it does answer.
    expect((await findingsOf(['-I', 'wan2']))(about).status).not.toBe('no')
  })
})

describe('trace when nothing can be sent', () => {
  test.each(
    (['4', '6'] as const).flatMap(family => (['icmp', 'udp', 'tcp'] as const).map(method => [family, method] as const)),
  )('says why, IPv%s by %s', async (family, method) => {
    const host = family === '4' ? server.address4 : server.address6
    lab.run('router', 'ip', `-${family}`, 'route', 'add', 'unreachable', host)
    atEnd(() => lab.run('router', 'ip', `-${family}`, 'route', 'delete', 'unreachable', host))
    const { stdout, code } = await netvia(['trace', '-M', method, host])
    expect(stdout.split('\n')[1]).toMatch(/^ 1 {2}not sent: \w+ EHOSTUNREACH: [^*]+$/)
    expect(code).toBe(1)
    // For a socket bound to a device, the kernel skips such a route.
    const { device } = lab.addDevice('usb9')
    lab.run('router', 'ip', 'link', 'set', device, 'down')
    const side = await netvia(['trace', '-M', method, '-I', device, '-I', 'wan2', '-m', '1', host])
    expect(side.stdout).toMatch(/^ +1 +not sent: E[A-Z]+ /m)
  })
})
