import { chmodSync, copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { atEnd, lab, needs } from '../lab/index.js'
import { netvia } from '../unit/cli-process.js'
import { movedDuring } from './moved.js'

const { server } = lab
/** An address in the servers' network that no host has. */
const silent = '203.0.113.99'

needs('dnsmasq', 'nginx', 'nft')
beforeAll(async () => {
  await lab.dnsmasq()
  await lab.nginx()
})

describe('hosts that do not answer', () => {
  test('ping -f prints a dot for each', async () => {
    const { code, stdout } = await netvia(['ping', '-f', '-c', '3', '-W', '100ms', silent])
    expect(stdout).toMatch(/^PING .*\n\.\.\.\n---/)
    expect(code).toBe(1)
  })

  test('sweep -C prints dashes, and -x accepts the hosts that answer', async () => {
    const args = ['sweep', '-q', '-C', '2', '-p', '50', '-t', '300', server.address4, silent]
    const { code, stderr } = await netvia(args)
    expect(stderr).toMatch(new RegExp(`^${server.address4} : [\\d.]+ [\\d.]+$`, 'm'))
    expect(stderr).toMatch(new RegExp(`^${silent} : - -$`, 'm'))
    expect(code).toBe(1)
    expect(await netvia([...args, '-x', '1'])).toMatchObject({ code: 0 })
  })

  test('http --connect-timeout limits only the connection', async () => {
    const repair = lab.fault('isp2', 'tcp dport 80 drop')
    const args = ['http', '-I', 'wan2', '--connect-timeout', '0.3', `http://${server.address4}/`]
    const { code, stdout } = await netvia(args)
    repair()
    expect(stdout).toMatch(/ETIMEDOUT.*connection not done after 300 ms/)
    expect(code).toBe(1)
    expect(await netvia([...args.slice(0, 4), '10', ...args.slice(5)])).toMatchObject({ code: 0 })
  })
})

test.each([
  ['sweep', '-c', '2', '-p', '50', server.address4],
  ['sweep', '-n', server.address4],
  ['trace', '-T', '-p', '80', server.address4],
  ['http', '--resolve', `nowhere.test:80:${server.address4}`, 'http://nowhere.test/'],
  ['dns', '+short', server.name],
  ['ping', '-A', '-l', '3', '-c', '5', server.address4],
])('with -I wan2 nothing uses wan1: %s', async (...args) => {
  const [name, ...rest] = args
  const moved = await movedDuring(async () => {
    expect(await netvia([name!, '-I', 'wan2', ...rest])).toMatchObject({ code: 0 })
  })
  expect(moved.wan1).toBe(0)
  expect(moved.wan2).toBeGreaterThan(0)
})

test('sweep -n prints the name of an address, dns +short an address', async () => {
  expect((await netvia(['sweep', '-n', server.address4])).stdout).toBe(`${server.name} is alive\n`)
  expect((await netvia(['dns', '+short', server.name])).stdout).toBe(`${server.address4}\n`)
})

describe('errors say what to do', () => {
  test('a device that is down', async () => {
    const { device } = lab.addDevice('usb7')
    lab.run('router', 'ip', 'link', 'set', device, 'down')
    for (const args of [
      ['ping', '-c', '1', '-I', device, server.address4],
      ['connect', '-I', device, server.address4, '80'],
    ]) {
      const { stdout, stderr } = await netvia(args)
      expect(stdout + stderr).toContain(`the device is down: ip link set ${device} up`)
    }
  })

  test('for what needs a privilege, with the path of this Node', async () => {
    const node = join(lab.folder, 'node-without')
    chmodSync(lab.folder, 0o755)
    copyFileSync(process.execPath, node)
    atEnd(() => rmSync(node))
    const library = JSON.stringify(pathToFileURL(join(process.cwd(), 'dist/index.js')).href)
    const script = `
      const { listen, openUdp, ping } = await import(${library})
      for (const call of [() => listen({ port: 80 }), () => openUdp({ port: 80 }), () => ping('127.0.0.1', { kind: 'raw' })])
        await call().catch(({ code, hint }) => console.log(code, hint))`
    const asNobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps=-all']
    const said = lab.run('router', ...(asNobody as [string]), node, '--input-type=module', '-e', script)
    const [tcp, udp, raw] = said.trim().split('\n')
    for (const line of [tcp, udp]) {
      expect(line).toMatch(/^EACCES port 80 needs CAP_NET_BIND_SERVICE, or "sysctl -w .*=80"; "netvia doctor" shows/)
    }
    expect(raw).toMatch(
      new RegExp(`^EPERM .*"setcap cap_net_raw\\+ep ${node}", or run as root, or see what "netvia doctor"`),
    )
  })
})
