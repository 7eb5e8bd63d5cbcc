import { execFileSync } from 'node:child_process'
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import type { Privileges } from '../../src/system/privileges/privileges.js'
import { lab } from '../lab/index.js'

const library = pathToFileURL(join(process.cwd(), 'dist/index.js')).href
const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps=-all']
const say = (expression: string) => `
  const { connect, openUdp, ping, privileges } = await import(${JSON.stringify(library)})
  console.log(JSON.stringify(await (${expression})()))`

/** Evaluates an expression in the router as an unprivileged user, or with another command before node. */
function run<T = Privileges>(expression = 'privileges', prefix = nobody, node = process.execPath): T {
  const [command, ...args] = [...prefix, node, '--input-type=module', '-e', say(expression)]
  return JSON.parse(lab.run('router', command!, ...args))
}

const sysctl = (name: string, value: string) => lab.run('router', 'sysctl', '-qw', `${name}=${value}`)
/** Runs a fix, which is a shell command. */
const apply = (fix: string | undefined) => lab.run('router', 'sh', '-ec', fix!)
const outcome = `async () => {
  try { return (await ping('${lab.server.address4}', { kind: KIND, timeout: 1000 })).outcome } catch (error) { return error.code }
}`

afterEach(() => {
  sysctl('net.ipv4.ping_group_range', '0 2147483647')
  sysctl('net.ipv4.ip_unprivileged_port_start', '1024')
})

describe('privileges of an unprivileged user', () => {
  it('report what works without privilege: datagram ICMP, binding to a device, timestamps', () => {
    const found = run()
    expect(found).toMatchObject({
      ...{ netRaw: { allowed: false }, netAdmin: { allowed: false }, netBindService: { allowed: false } },
      ...{ rawIcmp4: { allowed: false }, rawIcmp6: { allowed: false }, mark: { allowed: false } },
      ...{ datagramIcmp4: { allowed: true }, datagramIcmp6: { allowed: true }, transmitTimestamps: { allowed: true } },
      lowPorts: { allowed: false },
    })
    const [major = 0, minor = 0] = found.kernel.split('.').map(Number)
    expect(found.bindToDevice.allowed).toBe(major > 5 || (major === 5 && minor >= 7))
    expect(found.rawIcmp4.reason).toContain('CAP_NET_RAW')
  })

  it('report who may use ping sockets, and their command allows it', () => {
    for (const [range, reason] of [
      ['1 0', 'not even root'],
      ['100 200', 'only the groups 65534'],
    ] as const) {
      sysctl('net.ipv4.ping_group_range', range)
      const { datagramIcmp4, datagramIcmp6 } = run()
      for (const entry of [datagramIcmp4, datagramIcmp6]) {
        expect(entry).toMatchObject({ allowed: false, reason: expect.stringContaining(reason) })
      }
      apply(datagramIcmp4.fix)
      expect(run()).toMatchObject({ datagramIcmp4: { allowed: true }, datagramIcmp6: { allowed: true } })
      expect(run<string>(outcome.replace('KIND', "'datagram'"))).toBe('reply')
    }
  })

  it.each([
    [
      "connect({ host: '127.0.0.1', port: 9, mark: 1 })",
      /^a mark needs CAP_NET_ADMIN, or CAP_NET_RAW since Linux 5.17/,
    ],
    ['openUdp({ socketOptions: { SO_PRIORITY: 7 } })', /^a priority other than 0 to 6 needs CAP_NET_ADMIN/],
    ['openUdp({ socketOptions: { SO_RCVBUFFORCE: 5000 } })', /^SO_RCVBUFFORCE needs CAP_NET_ADMIN/],
    ["ping('127.0.0.1', { kind: 'raw' })", /^give node the capability/],
    ["ping('127.0.0.1', { kind: 'datagram' })", /^allow ping sockets with [^,]+, or see what/],
    ["ping('127.0.0.1')", /^allow ping sockets with .*, or give node the capability with .*, or run as root, or see/],
  ])('are named by the hint of a call that lacks one: %s', (call, hint) => {
    sysctl('net.ipv4.ping_group_range', '1 0')
    expect(run<string>(`() => ${call}.catch(({ hint }) => hint)`)).toMatch(hint)
  })

  it('report which ports are unprivileged, and their command frees the others', () => {
    sysctl('net.ipv4.ip_unprivileged_port_start', '80')
    const { lowPorts } = run()
    expect(lowPorts).toMatchObject({ allowed: false, reason: expect.stringContaining('below 80') })
    apply(lowPorts.fix)
    expect(run().lowPorts.allowed).toBe(true)
  })

  it('give the setcap command that makes raw ICMP work', () => {
    const node = join(lab.folder, 'node')
    copyFileSync(process.execPath, node)
    execFileSync('chmod', ['755', lab.folder, node])
    const before = run('privileges', nobody, node)
    expect(before.rawIcmp4.fix).toBe(`setcap cap_net_raw+ep ${node}`)
    apply(before.rawIcmp4.fix)
    const after = run('privileges', nobody, node)
    expect(after).toMatchObject({ netRaw: { allowed: true }, rawIcmp4: { allowed: true }, rawIcmp6: { allowed: true } })
    expect(run<string>(outcome.replace('KIND', "'raw'"), nobody, node)).toBe('reply')
    apply(after.netAdmin.fix)
    expect(run('privileges', nobody, node)).toMatchObject({ netRaw: { allowed: true }, netAdmin: { allowed: true } })
    rmSync(node)
  })
})

describe('privileges of root', () => {
  it('are complete, except for ping sockets if the sysctl excludes everybody', () => {
    sysctl('net.ipv4.ping_group_range', '1 0')
    const { kernel, userNamespace, datagramIcmp4, datagramIcmp6, ...rest } = run('privileges', [])
    expect(Object.entries(rest).filter(([, { allowed }]) => !allowed)).toEqual([])
    expect(datagramIcmp4).toMatchObject({ allowed: false, reason: expect.stringContaining('not even root') })
    expect(datagramIcmp6.allowed).toBe(false)
    expect(userNamespace).toBe(false)
    expect(kernel).toMatch(/^\d/)
  })

  it('in a container without the capability, they name the flag that adds it', () => {
    const { rawIcmp4, netRaw } = run('privileges', ['setpriv', '--bounding-set=-net_raw', '--inh-caps=-net_raw'])
    expect(netRaw).toMatchObject({ allowed: false, fix: 'docker run --cap-add=NET_RAW …' })
    expect(rawIcmp4).toMatchObject({ allowed: false, fix: 'docker run --cap-add=NET_RAW …' })
  })

  it('in a user namespace are distinguished from those that are effective here', () => {
    const { userNamespace, netRaw, rawIcmp4 } = run('privileges', ['unshare', '--user', '--map-root-user'])
    expect(userNamespace).toBe(true)
    expect(netRaw.allowed).toBe(true)
    expect(rawIcmp4).toMatchObject({ allowed: false, reason: expect.stringContaining('another user namespace') })
  })
})
