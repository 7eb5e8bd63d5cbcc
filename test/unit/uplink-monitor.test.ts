import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as realWait } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Probe } from '../../src/monitor/checks/probe.js'
import { UplinkMonitor } from '../../src/monitor/monitor.js'
import { bad, begin, ok, runnersOf, simulate, states, uplinks } from './monitor-world.js'
import { uncaught } from './uncaught.js'

describe('in virtual time', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: begin })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

  async function stop(monitor: UplinkMonitor) {
    const stopped = monitor.stop()
    await pass(0)
    await stopped
  }

  test('reports changes to listeners, readers and the diagnostics channel alike', async () => {
    const { monitor, says } = simulate()
    const heard: unknown[] = []
    const published: unknown[] = []
    const onMessage = (message: unknown) => published.push(message)
    monitor.on('state', event => heard.push(event))
    subscribe('netvia:monitor:state', onMessage)
    const events = monitor.events()
    monitor.start()
    await pass(2500)
    says.wan1 = bad
    await pass(3000)
    unsubscribe('netvia:monitor:state', onMessage)
    expect(heard).toMatchObject([
      { uplink: expect.any(String), from: 'unknown', to: 'up', reason: '3 good rounds in a row' },
      { uplink: expect.any(String), from: 'unknown', to: 'up' },
      { uplink: 'fibre', from: 'up', to: 'down', reason: '3 bad rounds in a row: ping 192.0.2.1: timeout' },
    ])
    expect(published).toEqual(heard)
    for (const event of heard) expect((await events.next()).value).toEqual(event)
    await stop(monitor)
    expect((await events.next()).done).toBe(true)
  })

  test('the snapshot is plain JSON with all facts', async () => {
    const { monitor, says } = simulate()
    says.wan2 = bad
    expect(states(monitor)).toEqual({ fibre: 'unknown', lte: 'unknown' })
    expect(monitor.snapshot().uplinks[0]).toMatchObject({ lossRatio: null, latencyMs: null, checks: [null] })
    monitor.start()
    await pass(2500)
    const snapshot = monitor.snapshot()
    expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot)
    expect(snapshot).toMatchObject({
      at: begin + 2500,
      running: true,
      uplinks: [
        {
          name: 'fibre',
          device: 'wan1',
          priority: 1,
          weight: 1,
          state: 'up',
          lossRatio: 0,
          latencyMs: 10,
          linkFault: null,
        },
        { name: 'lte', priority: 2, state: 'down', lossRatio: 1, latencyMs: null, badRounds: 3 },
      ],
    })
    expect(snapshot.uplinks[1]!.checks).toMatchObject([
      { uplink: 'lte', check: 0, type: 'tcp', target: '192.0.2.1:443', ok: false, local: false, error: 'timeout' },
    ])
    await stop(monitor)
    expect(monitor.snapshot().running).toBe(false)
  })

  test('a link that is missing at the start is reported immediately, and no check runs on it', async () => {
    const { monitor, probe, link } = simulate()
    link('wan1', 'no such device')
    const heard: unknown[] = []
    monitor.on('state', event => heard.push(event))
    monitor.start()
    expect(heard).toEqual([{ uplink: 'fibre', from: 'unknown', to: 'down', reason: 'no such device', at: begin }])
    await pass(5000)
    expect(probe.mock.calls.every(([, path]) => path.device === 'wan2')).toBe(true)
    link('wan1', null)
    await pass(2500)
    expect(states(monitor)).toEqual({ fibre: 'up', lte: 'up' })
    await stop(monitor)
  })

  test('the checks of many uplinks are spread over the interval, those of a few are not', async () => {
    const uplinks = Array.from({ length: 500 }, (_, n) => ({
      name: `${n}`,
      device: `tun${n}`,
      checks: [{ type: 'ping' as const, host: '192.0.2.1' }],
    }))
    const starts: number[] = []
    const begun = new Set<string | undefined>()
    const probe: Probe = async (_check, { device }) => {
      starts.push(Date.now() - begin)
      begun.add(device)
      return ok
    }
    const monitor = new UplinkMonitor({ uplinks }, { makeRunner: runnersOf(probe), watchLinks: () => () => {} })
    monitor.start()
    await pass(999)
    const tenths = Array.from({ length: 10 }, (_, tenth) => starts.filter(at => Math.floor(at / 100) === tenth).length)
    // Checks start on ticks of 100 ms. The first tick may come immediately.
    for (const count of tenths.slice(1)) expect(count).toBeGreaterThan(20)
    await pass(100)
    expect(begun.size).toBe(500)
    await stop(monitor)
    const few = simulate()
    few.monitor.start()
    await pass(11)
    expect(few.probe).toHaveBeenCalledTimes(2)
    await stop(few.monitor)
  })

  test('stop leaves no timer, watch or check, and start continues from the states', async () => {
    const { monitor, probe, watching, says } = simulate()
    let aborted = 0
    monitor.start()
    monitor.start()
    await pass(2500)
    probe.mockImplementation((_check, _path, _timeout, signal) => {
      return new Promise(resolve =>
        signal.addEventListener('abort', () => {
          aborted++
          resolve(bad)
        }),
      )
    })
    await pass(1000)
    await stop(monitor)
    expect(aborted).toBe(2)
    expect(watching()).toBe(false)
    expect(vi.getTimerCount()).toBe(0)
    const calls = probe.mock.calls.length
    await pass(10_000)
    expect(probe).toHaveBeenCalledTimes(calls)
    expect(states(monitor)).toEqual({ fibre: 'up', lte: 'up' })
    probe.mockImplementation(async (_check, path) => says[path.device!]!)
    says.wan1 = bad
    monitor.start()
    await pass(3000)
    expect(states(monitor)).toEqual({ fibre: 'down', lte: 'up' })
    await stop(monitor)
  })

  test('a throwing listener does not stop the rounds', async () => {
    const { monitor, probe } = simulate()
    const thrown = uncaught()
    monitor.on('check', () => {
      throw new Error('mine')
    })
    monitor.start()
    await pass(5500)
    expect(probe.mock.calls.length).toBeGreaterThan(9)
    expect(thrown.length).toBe(probe.mock.calls.length)
    await stop(monitor)
  })
})

describe('with files and commands', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'netvia-monitor-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  test('states are kept across a restart', async () => {
    const { monitor, create, link } = simulate({ stateFile: join(folder, 'state.json'), interval: 10, up: 2 })
    monitor.start()
    await expect.poll(() => states(monitor)).toEqual({ fibre: 'up', lte: 'up' })
    link('wan2', 'no carrier')
    await monitor.stop()
    const next = create()
    expect(next.snapshot().uplinks).toMatchObject([
      { state: 'up', since: monitor.snapshot().uplinks[0]!.since, goodRounds: 0, lossRatio: null },
      { state: 'down', reason: 'no carrier' },
    ])
  })

  test('after a restart with another device, an uplink begins as unknown; one from an older file continues', async () => {
    const stateFile = join(folder, 'state.json')
    const options = { stateFile, interval: 10, up: 2 }
    const { monitor, create } = simulate(options)
    monitor.start()
    await expect.poll(() => states(monitor)).toEqual({ fibre: 'up', lte: 'up' })
    await monitor.stop()
    const [fibre, lte] = uplinks
    const moved = simulate({ ...options, uplinks: [{ ...fibre!, device: 'usb0' }, lte!] })
    expect(states(moved.monitor)).toEqual({ fibre: 'unknown', lte: 'up' })
    writeFileSync(stateFile, readFileSync(stateFile, 'utf8').replaceAll(/,"path":"[^"]*"/g, ''))
    expect(states(create())).toEqual({ fibre: 'up', lte: 'up' })
  })

  test('a damaged state file is ignored, with a warning', async () => {
    const stateFile = join(folder, 'state.json')
    writeFileSync(stateFile, '{"version":1')
    const { monitor } = simulate({ stateFile })
    const warnings: unknown[] = []
    monitor.on('warning', warning => warnings.push(warning))
    await realWait(0)
    expect(states(monitor)).toEqual({ fibre: 'unknown', lte: 'unknown' })
    expect(warnings).toMatchObject([{ source: 'state-file', message: expect.stringMatching(/^state-file: .*JSON/) }])
  })

  test('a hook gets the facts, and its failures are warnings', async () => {
    const out = join(folder, 'out')
    const script = 'env | grep ^NETVIA_ | grep -Ev "^NETVIA_(PREBUILD|NO_SKIPS)=" | sort > "$1"; exit 1'
    const { monitor, link } = simulate({ hook: ['sh', '-c', script, 'sh', out] })
    const warnings: string[] = []
    monitor.on('warning', ({ message }) => warnings.push(message))
    link('wan1', 'no carrier')
    monitor.start()
    await monitor.stop()
    const { since } = monitor.snapshot().uplinks[0]!
    expect(readFileSync(out, 'utf8').trim().split('\n')).toEqual([
      `NETVIA_AT=${since}`,
      'NETVIA_DEVICE=wan1',
      'NETVIA_EVENT=change',
      'NETVIA_PREVIOUS_STATE=unknown',
      'NETVIA_REASON=no carrier',
      'NETVIA_STATE=down',
      'NETVIA_UPLINK=fibre',
    ])
    await realWait(0)
    expect(warnings).toEqual(['hook: fibre: ended by exit code 1'])
  })

  test('await using stops the monitor', async () => {
    const { monitor, watching } = simulate()
    {
      await using running = monitor
      running.start()
      expect(watching()).toBe(true)
    }
    expect(watching()).toBe(false)
  })
})
