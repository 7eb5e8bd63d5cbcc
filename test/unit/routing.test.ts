import { describe, expect, it } from 'vitest'
import type { Candidate } from '../../src/group/policies.js'
import { UplinkMonitor } from '../../src/monitor/monitor.js'
import type { UplinkState } from '../../src/monitor/state/state-machine.js'
import { choose } from '../../src/routing/choice.js'
import { type RoutingOptions, routingSettings } from '../../src/routing/options.js'
import { RepairLimit, repairPeriod } from '../../src/routing/repair-limit.js'
import { UplinkRouting } from '../../src/routing/routing.js'
import { TableNumbers } from '../../src/routing/table-numbers.js'

describe('the choice', () => {
  /** Uplinks a, b, … in the order of priority, in these states. */
  const candidates = (states: UplinkState[]) =>
    states.map((state, i) => ({ state, uplink: { name: 'abc'[i], priority: i, weight: 1 } }) as unknown as Candidate)
  const chosen = (states: UplinkState[], previous = '', options: RoutingOptions = {}) =>
    choose(candidates(states), [...previous], routingSettings(options))
      .map(({ uplink }) => uplink.name)
      .join('')

  it('is the preferred one of those in the best state', () => {
    expect(chosen(['up', 'up'])).toBe('a')
    expect(chosen(['down', 'up', 'up'])).toBe('b')
    expect(chosen(['degraded', 'up'])).toBe('b')
    expect(chosen(['degraded', 'degraded'])).toBe('a')
  })

  it('returns to a better one as soon as that works again', () => {
    expect(chosen(['up', 'up'], 'b')).toBe('a')
  })

  it('keeps the active one until every uplink has its first verdict, unless it is down', () => {
    expect(chosen(['unknown', 'unknown'], 'b')).toBe('b')
    expect(chosen(['unknown', 'up'], 'b')).toBe('b')
    expect(chosen(['unknown', 'up'], 'a')).toBe('a')
    expect(chosen(['up', 'unknown', 'down'], 'c')).toBe('a')
    expect(chosen(['unknown', 'up'])).toBe('a')
  })

  it('with the policy weighted is all of those in the best state', () => {
    expect(chosen(['up', 'degraded', 'up'], 'a', { policy: 'weighted' })).toBe('ac')
    expect(chosen(['unknown', 'unknown'], '', { policy: 'weighted' })).toBe('ab')
    expect(chosen(['down', 'unknown'], 'ab', { policy: 'weighted' })).toBe('b')
  })

  it('with all down is the last one, or nothing', () => {
    expect(chosen(['down', 'down'], 'b')).toBe('b')
    expect(chosen(['down', 'down'])).toBe('')
    expect(chosen(['down', 'down'], 'b', { whenAllDown: 'unreachable' })).toBe('')
  })
})

describe('tables', () => {
  it('belong to an uplink as long as it exists', () => {
    const tables = new TableNumbers(7771)
    expect([...tables.assign(['a', 'b', 'c'])]).toEqual([
      ['a', 7771],
      ['b', 7772],
      ['c', 7773],
    ])
    expect(tables.assign(['c', 'd']).get('c')).toBe(7773)
    expect(tables.assign(['d', 'c', 'e']).get('e')).toBe(7772)
  })
})

describe('repairs', () => {
  it('are limited to five a minute, then pause for a minute', () => {
    const repairs = new RepairLimit()
    for (let i = 0; i < 5; i++) expect(repairs.pause(i)).toBe(0)
    expect(repairs.pause(5)).toBe(repairPeriod)
    expect(repairs.pause(6)).toBe(repairPeriod - 1)
    expect(repairs.pause(5 + repairPeriod)).toBe(0)
    for (let i = 2; i < 9; i++) expect(repairs.pause(i * repairPeriod)).toBe(0)
  })
})

describe('UplinkRouting', () => {
  const monitor = (device?: string) =>
    new UplinkMonitor({ uplinks: [{ name: 'fibre', device, checks: [{ type: 'ping', host: '127.0.0.1' }] }] })

  it.each([
    [{ policy: 'sticky' }, /UplinkRouting: policy must be one of "failover", "weighted"/],
    [{ table: 254 }, /UplinkRouting: table must be an integer from 256/],
    [{ rulePriority: 32_766 }, /UplinkRouting: rulePriority must be an integer from 1 to 32763/],
    [{ whenAllDown: 'fail' }, /UplinkRouting: whenAllDown must be one of "keep", "unreachable"/],
    [{ flush: true }, /UplinkRouting: unknown option "flush"/],
  ])('refuses %j', (options, message) => {
    expect(() => new UplinkRouting(monitor('lo'), options as RoutingOptions)).toThrow(message)
  })

  it('refuses anything but a monitor, and an uplink without a device', () => {
    expect(() => new UplinkRouting({} as UplinkMonitor)).toThrow(/must be an UplinkMonitor/)
    expect(() => new UplinkRouting(monitor())).toThrow(/device of uplink fibre must be given/)
  })
})
