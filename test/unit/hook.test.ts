import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { Hook } from '../../src/monitor/hook/hook.js'
import { simulate, states, uplinks } from './monitor-world.js'
import { withoutDescriptors } from './without-descriptors.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'netvia-hook-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function start(script: string, timeout = 5000, args: string[] = []) {
  const failures: string[] = []
  const lines: string[] = []
  const hook = new Hook(['sh', '-c', script, 'sh', ...args], timeout, {
    line: (uplink, text) => lines.push(`${uplink}: ${text}`),
    failed: error => failures.push(error.message),
  })
  return {
    hook,
    failures,
    lines,
    call: (uplink: string, STATE: string) => hook.call(uplink, { UPLINK: uplink, STATE }),
  }
}

const realWait = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

const patience = { timeout: 10_000, interval: 20 }
const file = (name: string) => join(folder, name)
const content = (name: string) => readFileSync(file(name), 'utf8')

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

test('the command gets the facts in its environment, and its arguments bypass the shell', async () => {
  const { call, hook, failures } = start(`echo "$STATE $1" > ${file('out')}`, 5000, ['$(touch pwned); *'])
  call('fibre', 'down')
  await hook.stop()
  expect(content('out')).toBe('down $(touch pwned); *\n')
  expect(failures).toEqual([])
})

describe('changes during a call', () => {
  test('are combined: the next call of the uplink gets the newest state, and the last state is never skipped', async () => {
    writeFileSync(file('out'), '')
    const { call, hook, failures } = start(
      `echo "$UPLINK $STATE" >> ${file('out')}; until [ -e ${file('go')} ]; do sleep 0.02; done`,
    )
    // 200 uplinks lose their carrier at the same moment and get it back.
    const names = Array.from({ length: 200 }, (_, index) => `wan${index}`)
    for (const state of ['down', 'degraded', 'up', 'down']) for (const name of names) call(name, state)
    await expect.poll(() => content('out').split('\n').length, patience).toBeGreaterThan(16)
    appendFileSync(file('go'), '')
    const lastOf = () =>
      Object.fromEntries(
        content('out')
          .trim()
          .split('\n')
          .map(line => line.split(' ') as [string, string]),
      )
    await expect.poll(lastOf, { timeout: 30_000 }).toEqual(Object.fromEntries(names.map(name => [name, 'down'])))
    await hook.stop()
    expect(failures).toEqual([])
    expect(content('out')).not.toContain('up')
    expect(content('out')).not.toContain('degraded')
  }, 60_000)

  test('do not delay another uplink', async () => {
    const { call, hook } = start(`[ "$UPLINK" = slow ] && sleep 60; echo "$UPLINK" > ${file('out')}`)
    call('slow', 'down')
    call('fibre', 'down')
    await expect.poll(() => content('out'), patience).toBe('fibre\n')
    await hook.stop()
  }, 20_000)
})

test('what the command prints is reported line by line, and bounded', async () => {
  const script = 'echo routes; echo "no such route" >&2; printf "the end"; sleep 0.2; yes | head -n 500'
  const { call, hook, lines } = start(script)
  call('fibre', 'down')
  await hook.stop()
  expect(lines.slice(0, 2).sort()).toEqual(['fibre: no such route', 'fibre: routes'])
  expect(lines).toContain('fibre: the endy')
  expect(lines).toHaveLength(101)
  expect(lines.at(-1)).toBe('fibre: … (the rest is left out)')
})

test('what the command prints without end is not read as text, which would hold up the checks', async () => {
  const decode = vi.spyOn(StringDecoder.prototype, 'write')
  onTestFinished(() => decode.mockRestore())
  const { call, hook, lines } = start('yes | head -c 30000000')
  call('fibre', 'down')
  await hook.stop()
  expect(lines).toHaveLength(101)
  const read = decode.mock.calls.reduce((sum, [bytes]) => sum + (bytes as Buffer).length, 0)
  expect(read).toBeLessThan(1_000_000)
})

describe('a call that fails', () => {
  test('is retried, at most three times', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const { call, hook, failures } = start(`echo "$STATE" >> ${file('out')}; exit 3`)
      call('fibre', 'down')
      for (const [count, delay] of [1000, 5000, 25_000, 100_000].entries()) {
        await expect.poll(() => failures.length, patience).toBe(count + 1)
        vi.advanceTimersByTime(delay)
      }
      await hook.stop()
      expect(failures).toEqual([
        'fibre: ended by exit code 3; next try in 1 s',
        'fibre: ended by exit code 3; next try in 5 s',
        'fibre: ended by exit code 3; next try in 25 s',
        'fibre: ended by exit code 3',
      ])
      expect(content('out')).toBe('down\n'.repeat(4))
    } finally {
      vi.useRealTimers()
    }
  }, 60_000)

  test('is replaced by a newer state', async () => {
    const { call, hook, failures } = start(`[ "$STATE" = up ] && echo up > ${file('out')}`)
    call('fibre', 'down')
    await expect.poll(() => failures, patience).toHaveLength(1)
    call('fibre', 'up')
    await hook.stop()
    expect(content('out')).toBe('up\n')
    expect(failures).toHaveLength(1)
  })

  test('does not end the monitor when it cannot even start', async () => {
    const failures: string[] = []
    const hook = new Hook(['/no/such/command'], 1000, {
      line: () => {},
      failed: ({ message }) => failures.push(message),
    })
    hook.call('fibre', {})
    await expect.poll(() => failures, patience).toEqual(['fibre: spawn /no/such/command ENOENT; next try in 1 s'])
    await hook.stop()
  })

  test('does not end the monitor without free descriptors, and is tried again', async () => {
    const { call, hook, failures } = start(`echo "$STATE" > ${file('out')}`)
    await withoutDescriptors(async () => {
      call('fibre', 'down')
      await expect.poll(() => failures, patience).toEqual(['fibre: spawn sh EMFILE; next try in 1 s'])
    })
    await expect.poll(() => existsSync(file('out')), patience).toBe(true)
    await hook.stop()
    expect(failures).toHaveLength(1)
  })
})

describe('a call that hangs', () => {
  test('is killed with all its children', async () => {
    const { call, hook, failures } = start(`sleep 60 & echo $! > ${file('pid')}; wait`, 300)
    call('fibre', 'down')
    await expect.poll(() => failures, patience).toEqual(['fibre: killed after 300 ms; next try in 1 s'])
    await hook.stop()
    await expect.poll(() => isRunning(Number(content('pid'))), patience).toBe(false)
  })

  test('that cannot be killed neither ends nor delays the monitor', async () => {
    const kill = vi.spyOn(process, 'kill').mockImplementation(() => {
      throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' })
    })
    const { call, hook, failures } = start(`echo $$ > ${file('pid')}; exec sleep 60`, 300)
    call('fibre', 'down')
    await expect.poll(() => failures, patience).toHaveLength(1)
    expect(failures[0]).toBe('fibre: killed after 300 ms, but it goes on: kill EPERM; next try in 1 s')
    await hook.stop()
    kill.mockRestore()
    process.kill(Number(content('pid')), 'SIGKILL')
  })
})

test('stop waits five seconds for all calls together, and reports skipped ones', async () => {
  const { call, hook, failures } = start('sleep 60', 600_000)
  for (let i = 0; i < 20; i++) call(`wan${i}`, 'down')
  const before = performance.now()
  await hook.stop()
  const took = performance.now() - before
  expect(took).toBeGreaterThan(4900)
  expect(took).toBeLessThan(8000)
  expect(failures.filter(text => text.endsWith(': killed: the monitor ends'))).toHaveLength(16)
  expect(failures.filter(text => text.endsWith(': not called: the monitor ends'))).toHaveLength(4)
}, 20_000)

test('a monitor calls it with every state at the start and after a reload, if configured', async () => {
  const options = {
    hook: ['sh', '-c', `echo "$NETVIA_EVENT $NETVIA_UPLINK $NETVIA_PREVIOUS_STATE $NETVIA_STATE" >> ${file('out')}`],
    hookAtStart: true,
  }
  writeFileSync(file('out'), '')
  const lines = () => content('out').trim().split('\n').sort()
  const { monitor } = simulate(options)
  monitor.start()
  await expect.poll(lines, patience).toEqual(['start fibre unknown unknown', 'start lte unknown unknown'])
  writeFileSync(file('out'), '')
  await monitor.configure({ ...options, uplinks })
  await expect.poll(lines, patience).toEqual(['configure fibre unknown unknown', 'configure lte unknown unknown'])
  await monitor.stop()
})

test('a monitor that was stopped and restarted calls it as before', async () => {
  const { monitor, link } = simulate({ hook: ['sh', '-c', `echo $NETVIA_STATE > ${file('out')}`] })
  monitor.start()
  await monitor.stop()
  monitor.start()
  link('wan1', 'no carrier')
  await monitor.stop()
  expect(content('out')).toBe('down\n')
})

describe('a command that is replaced', () => {
  const options = (words: string[], hookTimeout = 5000) => ({ hook: ['sh', '-c', ...words], hookTimeout })

  test('is called only once the call under way has ended, with the newest state', async () => {
    const fast = { interval: 10, up: 1, uplinks: uplinks.slice(0, 1) }
    const slow = `echo "old $NETVIA_STATE"; until [ -e ${file('go')} ]; do sleep 0.02; done; echo "old ended"`
    const { monitor, link } = simulate({ ...options([slow]), ...fast })
    const lines: string[] = []
    monitor.on('hook', ({ text }) => lines.push(text))
    link('wan1', 'no carrier')
    monitor.start()
    await expect.poll(() => lines, patience).toEqual(['old down'])
    await Promise.race([monitor.configure({ ...options(['echo "new $NETVIA_STATE"']), ...fast }), realWait(100)])
    link('wan1', null)
    await expect.poll(() => states(monitor), patience).toEqual({ fibre: 'up' })
    await realWait(100)
    writeFileSync(file('go'), '')
    await expect.poll(() => lines, patience).toEqual(['old down', 'old ended', 'new up'])
    await monitor.stop()
  })

  test('is called immediately with the state that the one before failed to take', async () => {
    const { monitor, link } = simulate(options(['exit 3']))
    const warnings: string[] = []
    monitor.on('warning', ({ message }) => warnings.push(message))
    monitor.start()
    link('wan1', 'no carrier')
    await expect.poll(() => warnings, patience).toContain('hook: fibre: ended by exit code 3; next try in 1 s')
    await monitor.configure({
      ...options([`[ $NETVIA_UPLINK = lte ] || echo $NETVIA_STATE > ${file('out')}`]),
      uplinks,
    })
    await monitor.stop()
    expect(content('out')).toBe('down\n')
  })
})

test('every stop() of a monitor ends when its hook has ended', async () => {
  const { monitor, link } = simulate({ hook: ['sh', '-c', 'sleep 0.3; echo ended'] })
  const lines: string[] = []
  monitor.on('hook', ({ text }) => lines.push(text))
  monitor.start()
  link('wan1', 'no carrier')
  monitor.stop()
  await monitor.stop()
  expect(lines).toEqual(['ended'])
})

test('a monitor that is started again before its end calls it as before', async () => {
  const { monitor, link } = simulate({ hook: ['sh', '-c', 'exit 3'] })
  const warnings: string[] = []
  monitor.on('warning', ({ message }) => warnings.push(message))
  monitor.start()
  const stopped = monitor.stop()
  monitor.start()
  await stopped
  link('wan1', 'no carrier')
  await expect.poll(() => warnings, patience).toContain('hook: fibre: ended by exit code 3; next try in 1 s')
  await monitor.stop()
})
