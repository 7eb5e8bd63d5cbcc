import { constants } from 'node:os'
import { describe, expect, it } from 'vitest'
import { judgePrivileges, type PrivilegeFacts, privileges } from '../../src/system/privileges/privileges.js'
import { hasCapability, isUserNamespace, parseProcessStatus } from '../../src/system/privileges/process-status.js'
import { openSockets } from './open-sockets.js'

const { EACCES, EADDRINUSE, EAFNOSUPPORT, ENOPROTOOPT, EPERM } = constants.errno
const all = (1n << 41n) - 1n
const netRaw = 1n << 13n
const netAdmin = 1n << 12n

const works = {
  ...{ rawIcmp4: 0, rawIcmp6: 0, datagramIcmp4: 0, datagramIcmp6: 0 },
  ...{ bindToDevice: 0, mark: 0, lowPort: 0, transmitTimestamps: 0 },
}
const root = { isKnown: true, uid: 0, groups: [0], effective: all, bounding: all, noNewPrivileges: false }
const user = { ...root, uid: 1000, groups: [1000, 27], effective: 0n }

type Change = Partial<Omit<PrivilegeFacts, 'trials'>> & { trials?: Partial<PrivilegeFacts['trials']> }

function judge({ trials, ...facts }: Change) {
  return judgePrivileges({
    ...{ status: user, pingGroups: [1, 0], firstFreePort: 1024, kernel: '6.1.0-18-amd64', userNamespace: false },
    ...{ program: '/usr/bin/node', service: false, multipath: undefined, ...facts, trials: { ...works, ...trials } },
  })
}

describe('privileges', () => {
  it('match the abilities of this process, and leave nothing open', async () => {
    const before = await openSockets()
    const result = await privileges()
    expect(Object.keys(result)).toEqual([
      ...['netRaw', 'netAdmin', 'netBindService', 'rawIcmp4', 'rawIcmp6', 'datagramIcmp4', 'datagramIcmp6'],
      ...['bindToDevice', 'mark', 'lowPorts', 'transmitTimestamps', 'multipath', 'kernel', 'userNamespace'],
    ])
    expect(result.transmitTimestamps.allowed).toBe(true)
    expect(result.kernel).toMatch(/^\d+\.\d+/)
    expect(await openSockets()).toBe(before)
  })

  it('are complete for root', () => {
    const { kernel, userNamespace, ...entries } = judge({ status: root })
    expect(Object.values(entries).every(({ allowed, fix }) => allowed && fix === undefined)).toBe(true)
  })

  it('are unknown without /proc, and no command is offered', () => {
    expect(judge({ status: parseProcessStatus('') }).netRaw).toEqual({
      ...{ allowed: false, reason: 'unknown: /proc/self/status cannot be read' },
    })
  })

  it('show the command that allows raw sockets and keeps existing capabilities', () => {
    expect(judge({ trials: { rawIcmp4: -EPERM } }).rawIcmp4).toEqual({
      ...{ allowed: false, reason: 'a raw socket needs CAP_NET_RAW (EPERM)' },
      fix: 'setcap cap_net_raw+ep /usr/bin/node',
    })
    const status = { ...user, effective: netAdmin }
    expect(judge({ status }).netRaw.fix).toBe('setcap cap_net_raw,cap_net_admin+ep /usr/bin/node')
  })

  it('name what works in a container, or if file capabilities are ignored', () => {
    const bounded = { ...root, effective: 0n, bounding: 0n }
    expect(judge({ status: bounded }).netRaw.fix).toBe('docker run --cap-add=NET_RAW …')
    expect(judge({ status: bounded, service: true }).netRaw.fix).toMatch(
      /^systemd-run .*AmbientCapabilities=CAP_NET_RAW/,
    )
    const locked = { ...user, noNewPrivileges: true }
    expect(judge({ status: locked }).netRaw.fix).toMatch(/^systemd-run .*AmbientCapabilities=CAP_NET_RAW/)
  })

  it('name other reasons if the capability is present', () => {
    const status = { ...user, effective: netRaw }
    const trials = { rawIcmp4: -EPERM }
    const { reason, fix } = judge({ status, trials }).rawIcmp4
    expect(reason).toContain('seccomp')
    expect(fix).toBe(undefined)
    expect(judge({ status, trials, userNamespace: true }).rawIcmp4.reason).toContain('another user namespace')
  })

  it('know that ping sockets are for groups, and that "1 0" shuts out root too', () => {
    const trials = { datagramIcmp4: -EACCES, datagramIcmp6: -EACCES }
    const fix = 'sysctl -w net.ipv4.ping_group_range="0 2147483647"'
    for (const entry of ['datagramIcmp4', 'datagramIcmp6'] as const) {
      expect(judge({ trials, status: root })[entry]).toMatchObject({
        reason: expect.stringContaining('not even root'),
        fix,
      })
    }
    const others = judge({ trials, pingGroups: [5, 9] }).datagramIcmp4
    expect(others).toMatchObject({ reason: expect.stringContaining('only the groups 1000, 27'), fix })
    expect(judge({ trials, pingGroups: [20, 30] }).datagramIcmp4.fix).toBe(undefined)
  })

  it('know what a mark needs on each kernel, low ports, and limits that are not privileges', () => {
    const trials = { mark: -EPERM, lowPort: -EACCES, rawIcmp6: -EAFNOSUPPORT, transmitTimestamps: -ENOPROTOOPT }
    const found = judge({ trials, firstFreePort: 80 })
    expect(found.mark.fix).toContain('cap_net_raw')
    expect(judge({ trials, kernel: '5.15.0' }).mark.fix).toContain('cap_net_admin')
    expect(judge({ trials, kernel: '5.4.200' }).mark.fix).toContain('cap_net_admin')
    expect(found.lowPorts).toMatchObject({
      reason: expect.stringContaining('below 80'),
      fix: expect.stringContaining('=0'),
    })
    expect(found.rawIcmp6).toEqual({ allowed: false, reason: 'this kernel has no IPv6' })
    expect(found.transmitTimestamps.reason).toContain('ENOPROTOOPT')
    expect(judge({ trials: { lowPort: -EADDRINUSE } }).lowPorts.allowed).toBe(true)
  })
})

describe('multipath', () => {
  it('has the command for what is missing: a capability, a setting, or none', () => {
    expect(judge({}).multipath).toEqual({ allowed: true, reason: 'tried, and it works' })
    const reason = 'missing'
    expect(judge({ multipath: { reason, privilege: true } }).multipath.fix).toContain('cap_net_admin')
    expect(judge({ multipath: { reason, fix: 'sysctl -w a=1' } }).multipath.fix).toBe('sysctl -w a=1')
    expect(judge({ multipath: { reason } }).multipath).toEqual({ allowed: false, reason, fix: undefined })
  })
})

describe('process status', () => {
  it('is read with groups and capabilities', () => {
    const text =
      'Name:\tnode\nUid:\t1000\t1001\t1000\t1000\nGid:\t100\t101\t100\t100\nGroups:\t4 27 \nCapEff:\t0000000000003000\nCapBnd:\t000001ffffffffff\nNoNewPrivs:\t1\n'
    const status = parseProcessStatus(text)
    expect(status).toMatchObject({ uid: 1001, groups: [101, 4, 27], noNewPrivileges: true })
    expect(hasCapability(status.effective, 'NET_RAW')).toBe(true)
    expect(hasCapability(status.effective, 'NET_BIND_SERVICE')).toBe(false)
    expect(parseProcessStatus('')).toMatchObject({ isKnown: false, effective: 0n, groups: [] })
  })

  it('detects a user namespace by its map', () => {
    expect(isUserNamespace('         0          0 4294967295\n')).toBe(false)
    expect(isUserNamespace('         0       1000          1\n')).toBe(true)
    expect(isUserNamespace('')).toBe(false)
  })
})
