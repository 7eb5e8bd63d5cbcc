import { describe, expect, test } from 'vitest'
import { type LinkDevice, LinkHistory, linkFault } from '../../src/monitor/link/link-fault.js'
import type { UplinkCheck } from '../../src/monitor/options.js'
import { Quorum } from '../../src/monitor/state/quorum.js'

const address = (family: 4 | 6, scope = 'global', tentative = false) => ({
  ...{ family, scope, tentative, deprecated: false },
})
const device = (changed: Partial<LinkDevice> = {}): LinkDevice => ({
  up: true,
  running: true,
  addresses: [address(4), address(6), address(6, 'link')],
  borrowed: () => undefined,
  ...changed,
})

describe('the history of a device', () => {
  test('missing from the start, present, deleted, and present again', () => {
    const history = new LinkHistory()
    expect(history.update(undefined, 0).fault).toBe('no such device')
    expect(history.update(device(), 0)).toEqual({ fault: null, lost: [] })
    expect(history.update(undefined, 0).fault).toBe('device deleted')
    expect(history.update(device(), 0)).toEqual({ fault: null, lost: [] })
  })

  test('switched off, cable pulled', () => {
    const history = new LinkHistory()
    expect(history.update(device({ up: false, running: false }), 0).fault).toBe('device switched off')
    expect(history.update(device({ running: false }), 0).fault).toBe('no carrier')
  })

  test('an address that never existed is not lost', () => {
    const history = new LinkHistory()
    for (const now of [0, 10_000]) {
      expect(history.update(device({ addresses: [address(6, 'link')] }), now)).toEqual({ fault: null, lost: [] })
    }
  })

  test('an address that existed is lost until it is back and usable', () => {
    const history = new LinkHistory()
    let now = 0
    const lostAfterAWhile = (found: LinkDevice | undefined) => {
      history.update(found, now)
      now += 10_000
      return history.update(found, now)
    }
    lostAfterAWhile(device())
    expect(lostAfterAWhile(device({ addresses: [address(6)] })).lost).toEqual([4])
    expect(lostAfterAWhile(device({ addresses: [address(4), address(6, 'global', true)] })).lost).toEqual([6])
    expect(lostAfterAWhile(device({ addresses: [] })).lost).toEqual([4, 6])
    expect(lostAfterAWhile(undefined)).toEqual({ fault: 'device deleted', lost: [4, 6] })
    expect(lostAfterAWhile(device()).lost).toEqual([])
  })

  test('an address that returns quickly, as after a DHCP renewal, was never lost', () => {
    const history = new LinkHistory()
    const without4 = device({ addresses: [address(6)] })
    history.update(device(), 0)
    for (const start of [1000, 2000, 3000]) {
      expect(history.update(without4, start)).toEqual({ fault: null, lost: [] })
      expect(history.update(without4, start + 250)).toEqual({ fault: null, lost: [] })
      expect(history.isWaiting).toBe(true)
      expect(history.update(device(), start + 251)).toEqual({ fault: null, lost: [] })
      expect(history.isWaiting).toBe(false)
    }
    history.update(without4, 4000)
    expect(history.update(without4, 4300)).toEqual({ fault: null, lost: [4] })
    expect(history.isWaiting).toBe(false)
  })

  test('if packets use an address of the LAN, as with a delegated prefix, the checks decide', () => {
    const history = new LinkHistory()
    history.update(device(), 0)
    const lan = { address: '2001:db8:2:1::1', device: 'lan', ofUplink: false }
    const without6 = device({ addresses: [address(4)], borrowed: () => lan })
    history.update(without6, 0)
    expect(history.update(without6, 10_000)).toEqual({ fault: null, lost: [], borrowed: lan })
    const other = { address: '2001:db8:1::2', device: 'wan1', ofUplink: true }
    history.update({ ...without6, borrowed: () => other }, 20_000)
    expect(history.update({ ...without6, borrowed: () => other }, 30_000)).toMatchObject({ lost: [6], borrowed: other })
  })

  test('a deprecated address counts, but packets may use that of another device', () => {
    const history = new LinkHistory()
    const other = { address: '2001:db8:1::2', device: 'wan1', ofUplink: true }
    const deprecated = device({ addresses: [{ ...address(6), deprecated: true }], borrowed: () => other })
    for (const now of [0, 10_000])
      expect(history.update(deprecated, now)).toEqual({ fault: null, lost: [], borrowed: other })
    expect(history.update(device({ borrowed: () => other }), 20_000)).toEqual({ fault: null, lost: [] })
  })
})

describe('what it means for an uplink', () => {
  const four: UplinkCheck = { type: 'ping', host: '192.0.2.1' }
  const six: UplinkCheck = { type: 'http', url: 'http://[2001:db8::1]/' }
  const any: UplinkCheck = { type: 'tcp', host: 'example.com', port: 443 }
  const fault = (lost: (4 | 6)[], checks: UplinkCheck[], reliability = 1) =>
    linkFault({ fault: null, lost }, checks, quorum(checks, reliability))
  const quorum = (checks: UplinkCheck[], reliability: number) =>
    new Quorum(
      checks.map(() => ({ required: false, group: undefined })),
      reliability,
      new Map(),
    )

  test('a fault of the link is a fault of the uplink', () => {
    expect(linkFault({ fault: 'no carrier', lost: [] }, [any], quorum([any], 1))).toBe('no carrier')
    expect(fault([], [any])).toBe(null)
  })

  test('a lost address counts if too few checks can still run', () => {
    expect(fault([4], [four])).toBe('no IPv4 address any more')
    expect(fault([6], [four])).toBe(null)
    expect(fault([4], [four, six])).toBe(null)
    expect(fault([4], [four, six], 2)).toBe('no IPv4 address any more')
    expect(fault([6], [six])).toBe('no IPv6 address any more')
    expect(fault([4], [any])).toBe(null)
    expect(fault([4, 6], [any])).toBe('no IPv4 and IPv6 address any more')
    expect(fault([4], [{ ...any, family: 4 }])).toBe('no IPv4 address any more')
    expect(fault([4], [{ type: 'dns', name: 'example.com' }])).toBe(null)
  })
})
