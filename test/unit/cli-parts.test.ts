import { stripVTControlCharacters } from 'node:util'
import { InvalidArgumentError } from 'commander'
import { describe, expect, it, test } from 'vitest'
import { deviceFindings, routeFindings } from '../../src/cli/doctor/devices.js'
import { keepCommand } from '../../src/cli/doctor/finding.js'
import { privilegeFindings } from '../../src/cli/doctor/privileges.js'
import { verdict } from '../../src/cli/doctor/run.js'
import { confinement, kernel } from '../../src/cli/doctor/system.js'
import { time } from '../../src/cli/shared/arguments.js'
import { brief, digits, duration, percent } from '../../src/cli/shared/output/format.js'
import { jsonLine } from '../../src/cli/shared/output/json.js'
import { ProgressLine } from '../../src/cli/shared/output/progress.js'
import { table } from '../../src/cli/shared/output/table.js'
import { NetviaError } from '../../src/errors.js'
import type { Device } from '../../src/system/devices/device.js'
import type { Privileges } from '../../src/system/privileges/privileges.js'

describe('values', () => {
  test.each([
    ['2', 2000],
    ['.5', 500],
    ['300ms', 300],
    ['1.5s', 1500],
    ['1m', 60_000],
    ['1h', 3_600_000],
    ['1d', 86_400_000],
  ])('%s is a time of %d ms', (text, expected) => expect(time('s')(text)).toBe(expected))

  it('in milliseconds without a unit where that is customary', () => expect(time('ms')('500')).toBe(500))

  test.each(['', '-1', '1y', 'x', '1e3', '0', '999999999'])('%j is no time', text => {
    expect(() => time('s')(text)).toThrow(InvalidArgumentError)
  })
})

describe('output', () => {
  it('writes numbers for people', () => {
    expect([0.1234, 1.234, 12.34, 123.4, undefined].map(digits)).toEqual(['0.123', '1.23', '12.3', '123', '-'])
    expect([0, 0.5, 1 / 3, 1, undefined].map(percent)).toEqual(['0%', '50%', '33.3%', '100%', '-'])
    // One reply out of 65,535 must not be shown as 100 % loss.
    expect(percent(65_534 / 65_535)).toBe('99.9%')
    expect([0, 65, 3723].map(duration)).toEqual(['0:00', '1:05', '1:02:03'])
    expect([999, 1234, 65_534, 2e9].map(value => brief(value))).toEqual(['999', '1.2k', '66k', '2.0G'])
  })

  it('shows progress, speed and time, without the bar in a narrow terminal, and never wraps', () => {
    const line = new ProgressLine(0)
    expect(line.draw(0, 200, 0, 80)).toBe('[--------------------]    0%  0/200  0/s')
    expect(line.draw(50, 200, 1000, 80)).toBe('[#####---------------]   25%  50/200  50/s  0:03 left')
    expect(line.draw(50, 200, 1000, 40)).toBe(' 25%  50/200  50/s  0:03 left')
    expect(line.draw(50, 200, 1000, 10)).toHaveLength(10)
    expect(line.draw(50, undefined, 1000, 80)).toBe('50  50/s')
  })

  it('estimates the remaining time only after a first timeout', () => {
    // 100 ports a second with a timeout of 500 ms. One port answers immediately.
    const line = new ProgressLine(500)
    const left = (elapsedMs: number) => {
      const done = 1 + Math.max(0, (elapsedMs - 500) / 10)
      return /(\S+) left/.exec(line.draw(done, 6000, elapsedMs, 80))?.[1]
    }
    expect([10, 400, 600, 1500].map(left)).toEqual([undefined, undefined, undefined, undefined])
    expect(left(1700)).toBe('0:59')
  })

  it('drops optional columns, then uses lists, and does not count colours as width', () => {
    const columns = [{ title: 'a' }, { title: 'bb', align: 'right' as const }, { title: 'long one', spare: true }]
    const rows = [['x', '\x1b[32m1\x1b[39m', 'y']]
    const shown = (width: number) => stripVTControlCharacters(table(columns, rows, width))
    expect(shown(80)).toBe('a  bb  long one\nx   1  y')
    expect(shown(15)).toBe(shown(80))
    expect(shown(14)).toBe('a  bb\nx   1')
    expect(shown(4)).toBe('x\n  bb        1\n  long one  y')
    expect(table(columns, [['x', '1\n2', '']], 4)).toBe('x\n  bb        1\n            2')
  })

  it('measures tables in terminal columns: two for East Asian characters, none for colours', () => {
    const columns = [{ title: 'name' }, { title: 'state', spare: true }]
    const rows = [
      ['東京回線', '\x1b[32mup\x1b[39m'],
      ['a', 'down'],
    ]
    expect(table(columns, rows, 15)).toBe('name      state\n東京回線  \x1b[32mup\x1b[39m\na         down')
    const short = [{ title: 'n' }, { title: 's', spare: true }]
    expect(table(short, [['東京回線', 'fine']], 13)).toBe('n\n東京回線')
  })

  it('converts errors, bytes and dates to JSON', () => {
    const error = new NetviaError('no', { code: 'ENODEV', device: 'wan9' })
    const line = jsonLine('http', 'result', { error, data: Buffer.from('ab'), at: new Date(0), nothing: undefined })
    expect(line).not.toContain('\n')
    expect(JSON.parse(line)).toEqual({
      ...{ schema: 1, command: 'http', event: 'result', data: 'YWI=', at: '1970-01-01T00:00:00.000Z' },
      error: { code: 'ENODEV', device: 'wan9', message: 'no' },
    })
  })
})

describe('doctor', () => {
  it('knows which kernels are too old, and what old ones lack', () => {
    expect(kernel('5.3.18-generic').status).toBe('no')
    expect(kernel('5.4.0')).toMatchObject({ status: 'yes', detail: expect.stringContaining('needs CAP_NET_RAW') })
    expect(kernel('5.10.1')).toMatchObject({ status: 'yes', detail: expect.stringContaining('needs no privilege') })
    expect(kernel('6.1.0-18-amd64').status).toBe('yes')
  })

  it('detects seccomp filters and no_new_privs', () => {
    expect(confinement('NoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\n')).toEqual([])
    const about = confinement('NoNewPrivs:\t1\nSeccomp:\t2\n').map(finding => finding.about)
    expect(about).toEqual(['seccomp', 'new privileges'])
  })

  it('says which of two default routes a packet uses, and when that is unknown', () => {
    const routes = (first: number, second: number) => [
      { device: 'wan1', family: 4 as const, metric: first },
      { device: 'wan2', family: 4 as const, metric: second },
    ]
    expect(routeFindings(routes(100, 200))[0]!.detail).toContain('everything goes out through wan1')
    expect(routeFindings(routes(0, 0))[0]!.detail).toContain('equal metric')
    expect(routeFindings(routes(0, 0).slice(1))).toEqual([])
  })

  it('does not complain about an unused port, only about an uplink without carrier', () => {
    const device = { name: 'eth9', up: true, running: false, addresses: [] } as unknown as Device
    expect(deviceFindings(device, [device], [], false)[0]!.status).toBe('note')
    expect(deviceFindings(device, [device], [], true)[0]!.status).toBe('no')
    expect(deviceFindings(device, [device], [{ device: 'eth9', family: 6, metric: 1 }], false)[0]!.status).toBe('no')
  })

  it('accepts one working way to ping', () => {
    const yes = { allowed: true, reason: 'yes' }
    const no = { allowed: false, reason: 'no', fix: 'fix' }
    const all = Object.fromEntries(
      ['bindToDevice', 'datagramIcmp4', 'datagramIcmp6', 'rawIcmp4', 'rawIcmp6', 'mark', 'lowPorts']
        .concat('transmitTimestamps', 'multipath', 'netRaw', 'netAdmin', 'netBindService')
        .map(name => [name, yes]),
    )
    const serious = (changed: object) =>
      privilegeFindings({ ...all, ...changed } as unknown as Privileges)
        .filter(({ status, optional }) => status === 'no' && !optional)
        .map(({ about }) => about)
    expect(serious({})).toEqual([])
    expect(serious({ rawIcmp4: no, rawIcmp6: no, mark: no, netRaw: no })).toEqual([])
    // One way to ping is enough, preferably the one without privilege.
    expect(serious({ rawIcmp4: no, datagramIcmp4: no })).toEqual(['ping without privilege, IPv4'])
    expect(serious({ rawIcmp4: no, datagramIcmp4: { ...no, fix: undefined } })).toContain('ping by raw socket, IPv4')
    const noIPv6 = { allowed: false, reason: 'this kernel has no IPv6' }
    expect(serious({ rawIcmp6: noIPv6, datagramIcmp6: noIPv6 })).toEqual([])
    expect(serious({ bindToDevice: no })).toEqual(['bind to a device'])
  })

  it('lists problems first, and counts fixes with the same command once', () => {
    const finding = (about: string, fix?: string) => ({ about, status: 'no' as const, detail: '', fix })
    expect(verdict([], 0)).toEqual(['Nothing to fix: checks work here.'])
    expect(verdict([], 1)[1]).toBe('1 optional thing above says no.')
    expect(verdict([finding('ping, IPv4', 'sysctl'), finding('ping, IPv6', 'sysctl')], 2)).toEqual([
      '1 thing to fix: ping, IPv4; ping, IPv6.',
      '2 optional things above say no.',
    ])
    expect(verdict([finding('wan1: carrier'), finding('wan2: carrier')], 0)[0]).toMatch(/^2 things to fix: /)
  })

  it('makes a sysctl permanent, even with quotes and slashes', () => {
    expect(keepCommand('sysctl -w net.ipv4.ping_group_range="0 2147483647"')).toBe(
      "echo 'net.ipv4.ping_group_range=0 2147483647' >> /etc/sysctl.d/90-netvia.conf",
    )
    expect(keepCommand('sysctl -w net/ipv4/conf/wan2/rp_filter=2')).toContain("'net/ipv4/conf/wan2/rp_filter=2'")
    expect([keepCommand('ip link set wan2 up'), keepCommand(undefined)]).toEqual([undefined, undefined])
  })
})
