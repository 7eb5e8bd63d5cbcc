import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { systemFindings } from '../../src/cli/doctor/system.js'
import { connect, multipathInfo, NetviaError } from '../../src/index.js'
import { lab, needs } from '../lab/index.js'
import { movedDuring } from './moved.js'

needs('nft', 'dnsmasq')

const { address4, address6, name } = lab.server
const port = 7150
const plainPort = 7151
const setting = '/proc/sys/net/mptcp/pm_type'

/** Connects to multipath-server.mjs. Counts the received bytes, and the numbers that are out of sequence. */
async function open(options: Partial<Parameters<typeof connect>[0]> = {}) {
  const socket = await connect({ host: address4, port, multipath: ['wan1', 'wan2'], timeout: 10_000, ...options })
  onTestFinished(() => void socket.destroy())
  const state = { received: 0, wrong: 0 }
  let rest = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    const bytes = Buffer.concat([rest, chunk])
    const whole = bytes.length & ~3
    for (let at = 0; at < whole; at += 4) if (bytes.readUInt32LE(at) !== (state.received + at) / 4) state.wrong++
    state.received += whole
    rest = bytes.subarray(whole)
  })
  return { socket, state }
}

const paths = (socket: Socket) =>
  multipathInfo(socket)
    .subflows.map(({ device, backup, tcp }) => `${device} ${backup ? 'backup' : 'active'} ${tcp.state}`)
    .sort()

const joined = (socket: Socket, second = 'active') =>
  expect
    .poll(() => paths(socket), { timeout: 60_000 })
    .toEqual(['wan1 active established', `wan2 ${second} established`])

const subflow = (socket: Socket, name: string) =>
  multipathInfo(socket).subflows.find(({ device }) => device === name)!.tcp

const receivedBy = (socket: Socket, name: string) => subflow(socket, name).bytesReceived!

/** Bytes in both directions through a device. */
const carried = (socket: Socket, name: string) => receivedBy(socket, name) + subflow(socket, name).bytesAcknowledged!

/**
 * The other end's kernel repeats some segments on a backup if their acknowledgements are late, as on a busy machine. Two active subflows
 * share the bytes equally.
 */
const strays = (state: { received: number }) => state.received / 10

/** Waits for so many bytes that a connection must continue on another path after losing one. */
const goesOn = async (state: { received: number }) => {
  const before = state.received
  await expect.poll(() => state.received - before).toBeGreaterThan(100_000)
}

const cut = (isp: 'isp1' | 'isp2') => lab.fault(isp, 'meta l4proto tcp drop')

/** Reads a counter of /proc/net/netstat. */
const counter = (group: string, key: string): number => {
  const lines = readFileSync('/proc/net/netstat', 'utf8').split('\n')
  const [keys, values] = lines.filter(line => line.startsWith(`${group}: `)).map(line => line.split(' '))
  return Number(values![keys!.indexOf(key)])
}

const rejection = async (options: object): Promise<NetviaError> => {
  const error = await connect({ host: address4, port, multipath: ['wan1', 'wan2'], ...options }).catch(error => error)
  expect(error).toBeInstanceOf(NetviaError)
  return error
}

if (existsSync(setting)) {
  beforeAll(async () => {
    for (const [at, kind] of [
      [port, 'multipath'],
      [plainPort, 'tcp'],
    ] as const) {
      const server = lab.spawn('internet', process.execPath, 'test/network/multipath-server.mjs', String(at), kind)
      await once(server.stdout!, 'data')
    }
  })

  beforeEach(() => {
    // However a connection ends, netvia restores the namespace's setting.
    onTestFinished(() => expect(readFileSync(setting, 'utf8').trim()).toBe('0'))
  })

  // This test comes first: after a cut, the other end retransmits for a while, and this machine answers.
  test('only the named devices are used, even if the namespace has an endpoint for another', async () => {
    const wan3 = lab.addDevice('wan3')
    lab.run('router', 'ip', 'mptcp', 'endpoint', 'add', lab.wan1.address4, 'dev', 'wan1', 'subflow')
    onTestFinished(() => void lab.run('router', 'ip', 'mptcp', 'endpoint', 'flush'))
    const moved = await movedDuring(async () => {
      const { socket, state } = await open({ multipath: ['wan2', 'wan3'] })
      socket.write('stream')
      await expect
        .poll(() => paths(socket), { timeout: 60_000 })
        .toEqual(['wan2 active established', 'wan3 active established'])
      await goesOn(state)
      expect(
        multipathInfo(socket)
          .subflows.map(({ localAddress }) => localAddress)
          .sort(),
      ).toEqual([lab.wan2.address4, wan3.address4].sort())
      wan3.remove()
      await goesOn(state)
      expect(paths(socket)).toEqual(['wan2 active established'])
      expect(state.wrong).toBe(0)
    })
    expect(moved.wan1).toBe(0)
    expect(moved.wan2).toBeGreaterThan(0)
  })

  test.each([
    ['IPv4', address4],
    ['IPv6', address6],
  ])('a connection over two devices survives silent cuts of either, %s', async (_, host) => {
    const { socket, state } = await open({ host })
    socket.write('stream')
    await joined(socket)
    for (const isp of ['isp1', 'isp2'] as const) {
      const repair = cut(isp)
      await goesOn(state)
      repair()
    }
    expect(state.wrong).toBe(0)
  })

  test('a backup carries no data until the active device is cut', async () => {
    const { socket, state } = await open({ multipath: ['wan1', { device: 'wan2', backup: true }] })
    socket.write('stream')
    await joined(socket, 'backup')
    await goesOn(state)
    expect(receivedBy(socket, 'wan2')).toBeLessThan(strays(state))
    cut('isp1')
    // Packets that are still in flight on wan1 arrive first.
    await expect.poll(() => receivedBy(socket, 'wan2')).toBeGreaterThan(strays(state))
    await goesOn(state)
    expect(state.wrong).toBe(0)
  })

  test.each(['receives', 'sends'])(
    'a backup is active while the active device is cut, on the side that %s',
    async side => {
      const { socket } = await open({ multipath: ['wan1', { device: 'wan2', backup: true }] })
      socket.write('1')
      await joined(socket, 'backup')
      if (side === 'receives') socket.write('stream')
      else {
        socket.write('sink')
        const timer = setInterval(() => socket.write(Buffer.alloc(4096)), 5)
        onTestFinished(() => clearInterval(timer))
      }
      await expect.poll(() => carried(socket, 'wan1')).toBeGreaterThan(100_000)
      const repair = cut('isp1')
      await expect.poll(() => paths(socket)).toContain('wan2 active established')
      repair()
      await joined(socket, 'backup')
      // The other end again uses only the active device.
      const byBackup = async () => {
        const before = carried(socket, 'wan2')
        await wait(300)
        return carried(socket, 'wan2') - before
      }
      await expect.poll(byBackup).toBe(0)
    },
  )

  test('a pause of the other end does not count as an outage', async () => {
    const { socket, state } = await open({ multipath: ['wan1', { device: 'wan2', backup: true }] })
    const answers = () => counter('MPTcpExt', 'MPJoinSynAckRx')
    socket.write('1')
    await joined(socket, 'backup')
    const before = answers()
    socket.write('burst')
    // The device that was cut has received an answer again.
    await expect.poll(answers).toBeGreaterThan(before)
    socket.write('stream')
    await goesOn(state)
    await joined(socket, 'backup')
    expect(receivedBy(socket, 'wan2')).toBeLessThan(strays(state))
    expect(state.wrong).toBe(0)
  })

  test('a device that is switched off and on joins again', async () => {
    const { socket, state } = await open()
    socket.write('stream')
    await joined(socket)
    lab.run('router', 'ip', 'link', 'set', 'wan2', 'down')
    await goesOn(state)
    // Switching the device off removed its IPv6 address and its routes.
    lab.run('router', 'ip', 'link', 'set', 'wan2', 'up')
    lab.run('router', 'ip', 'route', 'replace', 'default', 'via', lab.wan2.gateway4, 'dev', 'wan2', 'metric', '200')
    await joined(socket)
    cut('isp1')
    await goesOn(state)
    expect(state.wrong).toBe(0)
  })

  test('if the preferred device is dead from the start, the next one connects and stays a backup', async () => {
    const repair = cut('isp1')
    const { socket } = await open({ multipath: ['wan1', { device: 'wan2', backup: true }] })
    expect(paths(socket)).toEqual(['wan2 backup established'])
    socket.write('stream')
    repair()
    await joined(socket, 'backup')
  })

  test('the accepting side sees the subflows too', async () => {
    const socket = await connect({ host: address4, port, multipath: ['wan1', 'wan2'] })
    onTestFinished(() => void socket.destroy())
    let answer = ''
    socket.on('data', chunk => {
      answer += chunk.toString('latin1')
    })
    socket.write('1')
    await joined(socket)
    // A busy server would read both messages as one.
    await expect.poll(() => answer.length).toBe(4096)
    socket.write('subflows')
    await expect.poll(() => answer).toMatch(/\n$/)
    const { fallback, subflows } = JSON.parse(/\{"fallback".*\n$/.exec(answer)![0])
    expect(fallback).toBe(false)
    const clients = subflows.map(({ remoteAddress }: { remoteAddress: string }) => remoteAddress).sort()
    expect(clients).toEqual([lab.wan1.address4, lab.wan2.address4].sort())
  })

  test('a server without Multipath TCP causes plain TCP, or an error by option', async () => {
    const { socket } = await open({ port: plainPort })
    expect(multipathInfo(socket)).toMatchObject({ fallback: true, subflows: [{ device: 'wan1' }] })
    const error = await rejection({ port: plainPort, multipathFallback: 'never' })
    expect(error).toMatchObject({ code: 'ERR_MULTIPATH_FALLBACK', address: address4, device: 'wan1' })
  })

  test('a name is resolved through the named devices, using the next one if the first is dead', async () => {
    await lab.dnsmasq()
    const repair = lab.fault('isp1', 'meta l4proto { tcp, udp } drop')
    const { socket } = await open({ host: name, servers: [address4] })
    expect(paths(socket)).toEqual(['wan2 active established'])
    repair()
  })

  test('without support in the kernel or process, there is an error with a hint, or plain TCP by option', async () => {
    lab.run('router', 'sysctl', '-qw', 'net.mptcp.enabled=0')
    onTestFinished(() => void lab.run('router', 'sysctl', '-qw', 'net.mptcp.enabled=1'))
    const error = await rejection({})
    expect(error).toMatchObject({
      code: 'ERR_MULTIPATH_UNAVAILABLE',
      hint: expect.stringContaining('net.mptcp.enabled=1'),
    })
    const { socket } = await open({ multipathFallback: 'always' })
    expect(multipathInfo(socket)).toMatchObject({ fallback: true, subflows: [{ device: 'wan1' }] })
    lab.run('router', 'sysctl', '-qw', 'net.mptcp.enabled=1')
    const unprivileged = `import('./dist/index.js').then(({ connect }) =>
      connect({ host: '${address4}', port: ${port}, multipath: ['wan1', 'wan2'] })).catch(error =>
      console.log(error.code, error.cause.code, error.hint))`
    const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps=-all']
    expect(execFileSync('setpriv', [...nobody, process.execPath, '-e', unprivileged], { encoding: 'utf8' })).toMatch(
      /^ERR_MULTIPATH_UNAVAILABLE EPERM .*CAP_NET_ADMIN/,
    )
  })

  test('a path besides multipath, an abort and a dead network reject, and leave nothing open', async () => {
    expect(await rejection({ device: 'wan1' })).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE', option: ['device'] })
    expect(await rejection({ multipath: ['nowhere1', 'nowhere2'] })).toMatchObject({ code: 'ENODEV' })
    const descriptors = () => readdirSync('/proc/self/fd').length
    cut('isp1')
    cut('isp2')
    // Let shared netlink sockets settle before counting descriptors.
    await wait(200)
    const before = descriptors()
    expect(await rejection({ timeout: 700 })).toMatchObject({ code: 'ETIMEDOUT' })
    await expect(
      connect({ host: address4, port, multipath: ['wan1', 'wan2'], signal: AbortSignal.timeout(300) }),
    ).rejects.toThrow(/aborted/)
    await expect.poll(descriptors).toBeLessThanOrEqual(before)
  })

  test("the namespace's own setting is kept, and doctor mentions it", async () => {
    expect(systemFindings().map(({ about }) => about)).not.toContain('path manager')
    writeFileSync(setting, '1')
    onTestFinished(() => writeFileSync(setting, '0'))
    const { socket } = await open()
    socket.write('1')
    await joined(socket)
    expect(readFileSync(setting, 'utf8').trim()).toBe('1')
    expect(systemFindings()).toContainEqual(expect.objectContaining({ about: 'path manager', status: 'note' }))
  })

  test('the socket cannot be connected again', async () => {
    const { socket } = await open()
    expect(() => socket.connect(port, address4)).toThrow(/would leave the path/)
  })
}
