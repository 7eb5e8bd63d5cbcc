import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { UplinkGroup } from '../../src/group/group.js'
import type { UplinkMonitor } from '../../src/monitor/monitor.js'
import type { MonitorOptions, UplinkOptions } from '../../src/monitor/options.js'
import { settingsOf } from '../../src/monitor/settings.js'
import { bad, begin, simulate, states, uplinks } from './monitor-world.js'

const [fibre, lte] = uplinks as [UplinkOptions, UplinkOptions]

describe('new options for a running monitor', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: begin })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

  async function end(work: Promise<unknown>) {
    await pass(0)
    await work
  }

  async function running(world: ReturnType<typeof simulate>) {
    world.monitor.start()
    await pass(2500)
    expect(states(world.monitor)).toMatchObject({ fibre: 'up', lte: 'up' })
    return world
  }

  const of = (monitor: UplinkMonitor, name: string) => monitor.snapshot().uplinks.find(uplink => uplink.name === name)!

  test('do not affect an unchanged uplink: rounds, window and results continue', async () => {
    const { monitor, probe } = await running(simulate())
    const before = of(monitor, 'fibre')
    const heard = vi.fn()
    monitor.on('configure', heard)
    await end(monitor.configure({ uplinks: [structuredClone(fibre), { ...lte, weight: 5 }] }))
    expect(of(monitor, 'fibre')).toEqual(before)
    expect(heard).toHaveBeenCalledExactlyOnceWith({ added: [], changed: ['lte'], removed: [], at: begin + 2500 })
    probe.mockClear()
    await pass(5000)
    expect(probe.mock.calls.filter(([, path]) => path.device === 'wan1')).toHaveLength(5)
    expect(of(monitor, 'fibre').goodRounds).toBe(before.goodRounds + 5)
    await end(monitor.stop())
  })

  test('let a changed uplink keep its state, and start counting again', async () => {
    const { monitor, says } = await running(simulate())
    await end(monitor.configure({ interval: 500, uplinks: [{ ...fibre, checks: lte.checks }, lte] }))
    expect(of(monitor, 'fibre')).toMatchObject({ state: 'up', goodRounds: 0, lossRatio: null, checks: [null] })
    says.wan1 = bad
    await pass(1600)
    expect(states(monitor)).toEqual({ fibre: 'down', lte: 'up' })
    await end(monitor.stop())
  })

  test('treat an uplink with another device as a new, unknown one', async () => {
    const { monitor } = await running(simulate())
    await end(monitor.configure({ uplinks: [{ ...fibre, device: 'wan2' }] }))
    expect(states(monitor)).toEqual({ fibre: 'unknown' })
    await pass(2500)
    expect(states(monitor)).toEqual({ fibre: 'up' })
    await end(monitor.stop())
  })

  test('add and remove uplinks, and leave no check of a removed one', async () => {
    const world = await running(simulate())
    const { monitor, probe } = world
    world.says.wan3 = world.says.wan1!
    await end(monitor.configure({ uplinks: [lte, { ...fibre, name: 'cable', device: 'wan3' }] }))
    probe.mockClear()
    await pass(3000)
    expect(states(monitor)).toEqual({ lte: 'up', cable: 'up' })
    expect(probe.mock.calls.some(([, path]) => path.device === 'wan1')).toBe(false)
    await end(monitor.stop())
    expect(vi.getTimerCount()).toBe(0)
  })

  test('keep a missing link missing', async () => {
    const { monitor, link } = await running(simulate())
    link('wan1', 'no carrier')
    await end(monitor.configure({ uplinks: [{ ...fibre, priority: 3 }, lte] }))
    expect(of(monitor, 'fibre')).toMatchObject({ state: 'down', linkFault: 'no carrier' })
    await pass(5000)
    expect(states(monitor)).toEqual({ fibre: 'down', lte: 'up' })
    await end(monitor.stop())
  })

  test('keep the history of a link, so that a lost address still counts as lost', async () => {
    const histories: unknown[] = []
    const world = simulate()
    world.watchLinks.mockImplementation(devices => {
      histories.push(devices.get('wan1'))
      return () => {}
    })
    world.monitor.start()
    await end(world.monitor.configure({ uplinks: [fibre] }))
    expect(histories[1]).toBe(histories[0])
    await end(world.monitor.stop())
  })

  test('change nothing if they are invalid', async () => {
    const { monitor } = await running(simulate())
    await expect(monitor.configure({ uplinks: [fibre, fibre] })).rejects.toThrow('used once')
    expect(states(monitor)).toEqual({ fibre: 'up', lte: 'up' })
    await pass(1000)
    expect(of(monitor, 'fibre').goodRounds).toBe(4)
    await end(monitor.stop())
  })

  test('before the start count as if they had been given at creation', async () => {
    const { monitor, probe } = simulate()
    await monitor.configure({ uplinks: [lte] })
    await pass(2000)
    expect(probe).not.toHaveBeenCalled()
    monitor.start()
    await pass(2500)
    expect(states(monitor)).toEqual({ lte: 'up' })
    await end(monitor.stop())
  })

  test('are followed by a group', async () => {
    const { monitor } = await running(simulate())
    const group = new UplinkGroup(monitor, { policy: 'failover' })
    await end(monitor.configure({ uplinks: [{ ...fibre, priority: 9 }, lte] }))
    expect(group.pick().name).toBe('lte')
    await end(monitor.configure({ uplinks: [{ ...lte, mark: 7 }] }))
    expect(group.pick()).toMatchObject({ name: 'lte', state: 'unknown', path: { mark: 7 } })
    await group.close()
    expect(monitor.listenerCount('configure')).toBe(0)
    await end(monitor.stop())
  })
})

test('new options apply a new hook and a new state file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'netvia-monitor-'))
  const [stateFile, out] = [join(folder, 'state'), join(folder, 'out')]
  const { monitor, link } = simulate()
  monitor.start()
  await monitor.configure({ stateFile, hook: ['sh', '-c', 'echo "$NETVIA_STATE" > "$1"', 'sh', out], uplinks })
  link('wan1', 'no carrier')
  await monitor.stop()
  expect(readFileSync(out, 'utf8')).toBe('down\n')
  expect(JSON.parse(readFileSync(stateFile, 'utf8')).uplinks.fibre.state).toBe('down')
  rmSync(folder, { recursive: true })
})

describe('an error in the options has its position', () => {
  const where = (options: unknown) => {
    try {
      settingsOf(options as MonitorOptions)
    } catch (error) {
      return (error as { option?: unknown }).option
    }
  }

  test.each([
    [{ uplinks, intervall: 1 }, ['intervall']],
    [{ uplinks, loss: { enter: 0.1, leave: 0.2 } }, ['loss', 'leave']],
    [{ uplinks, damping: { suppress: 2, reuse: 3, halfLife: 1 } }, ['damping', 'reuse']],
    [{ uplinks, hook: ['a', 5] }, ['hook', 1]],
    [{ uplinks: 'x' }, ['uplinks']],
    [{ uplinks: [fibre, fibre] }, ['uplinks', 1, 'name']],
    [{ uplinks: [fibre, { ...lte, device: 'a/b' }] }, ['uplinks', 1, 'device']],
    [{ uplinks: [{ ...fibre, checks: [] }] }, ['uplinks', 0, 'checks']],
    [{ uplinks: [{ ...fibre, checks: [...fibre.checks, { type: 'pong' }] }] }, ['uplinks', 0, 'checks', 1, 'type']],
    [{ uplinks: [{ ...fibre, checks: [{ type: 'tcp', host: 'h' }] }] }, ['uplinks', 0, 'checks', 0, 'port']],
    [{ uplinks: [{ ...fibre, checks: ['ping'] }] }, ['uplinks', 0, 'checks', 0]],
  ])('%j', (options, expected) => expect(where(options)).toEqual(expected))
})
