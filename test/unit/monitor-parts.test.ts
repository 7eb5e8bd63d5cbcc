import { execFileSync } from 'node:child_process'
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  promises,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { targetOf } from '../../src/monitor/checks/check-target.js'
import type { MonitorOptions } from '../../src/monitor/options.js'
import { EventBuffer } from '../../src/monitor/record/event-buffer.js'
import { type Saved, StateFile } from '../../src/monitor/record/state-file.js'
import { settingsOf } from '../../src/monitor/settings.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'netvia-monitor-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('options', () => {
  const good = { name: 'fibre', device: 'wan1', checks: [{ type: 'ping', host: '192.0.2.1' }] }
  const refused = (options: unknown) => () => settingsOf(options as MonitorOptions)

  test('defaults', () => {
    expect(settingsOf({ interval: 500, uplinks: [good] } as MonitorOptions)).toMatchObject({
      rounds: {
        interval: 500,
        failureInterval: 500,
        recoveryInterval: 500,
        timeout: 2000,
        down: 3,
        up: 3,
        reliability: 1,
        window: 60_000,
        loss: { enter: 0.2, leave: 0.05 },
        latencyMs: { enter: 500, leave: 250 },
      },
      uplinks: [{ name: 'fibre', device: 'wan1', priority: 1, weight: 1 }],
    })
  })

  test.each([
    [{}, 'UplinkMonitor: uplinks must be an array of at least one uplink; got undefined'],
    [{ uplinks: [] }, 'UplinkMonitor: uplinks must be an array of at least one uplink'],
    [{ uplinks: [good], intervall: 1 }, 'UplinkMonitor: unknown option "intervall"'],
    [{ uplinks: [good], interval: 0 }, 'UplinkMonitor: interval must be'],
    [
      { uplinks: [good], loss: { enter: 0.1, leave: 0.2 } },
      'UplinkMonitor: loss.leave must be below enter (0.1); got 0.2',
    ],
    [{ uplinks: [good], loss: { enter: 0.1 } }, 'UplinkMonitor: loss: leave must be'],
    [
      { uplinks: [good], loss: { enter: 20, leave: 5 } },
      'UplinkMonitor: loss: enter must be a number from 0 to 1; got 20',
    ],
    [
      { uplinks: [good], damping: { suppress: 2, reuse: 3, halfLife: 1 } },
      'UplinkMonitor: damping.reuse must be below suppress (2)',
    ],
    [{ uplinks: [good], hook: 'reboot' }, 'UplinkMonitor: hook must be an array; got "reboot"'],
    [{ uplinks: [good], hook: [] }, 'UplinkMonitor: hook must be a command and its arguments'],
    [
      { uplinks: [good], hook: ['/bin/true', 'a\0b'] },
      'UplinkMonitor: hook[1] must be a string without NUL characters',
    ],
    [{ uplinks: [good], stateFile: 'a\0b' }, 'UplinkMonitor: stateFile must be a string without NUL characters'],
    [{ uplinks: [good], history: 'a\0b' }, 'UplinkMonitor: history must be a string without NUL characters'],
    [
      { uplinks: [{ ...good, name: 'a\0b' }] },
      'UplinkMonitor: uplink "a\\u0000b": name must be a string without NUL characters',
    ],
    [{ uplinks: [{ ...good, name: 'é'.repeat(128) }] }, 'name must be 1-255 bytes'],
    [{ uplinks: [{ ...good, name: undefined }] }, 'UplinkMonitor: uplink 0: name must be'],
    [{ uplinks: [{ ...good, device: 'a/b' }] }, 'UplinkMonitor: uplink "fibre": device must be a device name'],
    [{ uplinks: [{ ...good, dev: 'wan1' }] }, 'UplinkMonitor: uplink "fibre": unknown option "dev"'],
    [{ uplinks: [{ ...good, weight: 0 }] }, 'UplinkMonitor: uplink "fibre": weight must be'],
    [
      { uplinks: [good, good] },
      'UplinkMonitor: uplink "fibre": name must be used once: another uplink has it; got "fibre"',
    ],
    [{ uplinks: [{ ...good, checks: [] }] }, 'UplinkMonitor: uplink "fibre": checks must be an array of at least 1'],
    [
      { uplinks: [good], reliability: 2 },
      'UplinkMonitor: uplink "fibre": checks must be an array of at least 2 (reliability)',
    ],
  ])('refuses %j', (options, message) => {
    expect(refused(options)).toThrow(message)
    expect(refused(options)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }))
  })

  test.each([
    [{ type: 'icmp' }, 'check 1: type must be one of "ping", "http", "tcp", "dns"; got "icmp"'],
    [{ type: 'ping' }, 'check 1 (ping): host must be a non-empty string; got undefined'],
    [{ type: 'ping', host: 'a', port: 1 }, 'check 1 (ping): unknown option "port"'],
    [{ type: 'tcp', host: 'a' }, 'check 1 (tcp): port must be'],
    [{ type: 'tcp', host: 'a', port: 1, device: 'wan2' }, 'check 1 (tcp): unknown option "device"'],
    [{ type: 'http', url: 'example.com' }, 'check 1 (http): url must be an http: or https: URL'],
    [{ type: 'http', url: 'http://a/', expectStatus: 'ok' }, 'check 1 (http): expectStatus must be'],
    [{ type: 'dns' }, 'check 1 (dns): name must be'],
    [{ type: 'dns', name: 'a', record: 'B' }, 'check 1 (dns): record must be one of'],
    [{ type: 'dns', name: 'a', timeout: 0 }, 'check 1 (dns): timeout must be'],
    [null, 'check 1 must be an object; got null'],
  ])('refuses the check %j', (check, message) => {
    const uplinks = [{ ...good, checks: [...good.checks, check] }]
    expect(refused({ uplinks })).toThrow(`UplinkMonitor: uplink "fibre": ${message}`)
  })

  test('a wrong URL is not repeated in the error', () => {
    const uplinks = [{ ...good, checks: [{ type: 'http', url: 'ftp://user:secret@host/' }] }]
    expect(refused({ uplinks })).not.toThrow('secret')
  })
})

test("a check's target is shown without secrets", () => {
  const url = 'https://user:secret@example.com:8443/health?token=secret#x'
  expect(targetOf({ type: 'http', url })).toBe('https://example.com:8443/health')
  expect(targetOf({ type: 'tcp', host: '2001:db8::1', port: 443 })).toBe('[2001:db8::1]:443')
  expect(targetOf({ type: 'dns', name: 'example.com' })).toBe('example.com')
})

describe('a stream of events', () => {
  const open = (signal?: AbortSignal) => {
    const closed: unknown[] = []
    const buffer = new EventBuffer<{ n: number }>(signal, ended => closed.push(ended))
    return { buffer, closed }
  }

  test('yields earlier events, and new ones while it waits', async () => {
    const { buffer } = open()
    buffer.push({ n: 1 })
    const read = [buffer.next(), buffer.next()]
    buffer.push({ n: 2 })
    expect(await Promise.all(read)).toEqual([
      { done: false, value: { n: 1 } },
      { done: false, value: { n: 2 } },
    ])
  })

  test('is bounded: it drops the oldest, and the next event has their number', async () => {
    const { buffer } = open()
    for (let n = 0; n < 1030; n++) buffer.push({ n })
    expect((await buffer.next()).value).toEqual({ n: 6, missed: 6 })
    expect((await buffer.next()).value).toEqual({ n: 7 })
  })

  test('ends with its source, after the remaining events', async () => {
    const { buffer, closed } = open()
    buffer.push({ n: 1 })
    buffer.end()
    const read: unknown[] = []
    for await (const event of buffer) read.push(event)
    expect(read).toEqual([{ n: 1 }])
    expect(closed).toEqual([buffer])
  })

  test('closes when its reader leaves', async () => {
    const { buffer, closed } = open()
    buffer.push({ n: 1 })
    for await (const _event of buffer) break
    expect(closed).toEqual([buffer])
    expect((await buffer.next()).done).toBe(true)
  })

  test("rejects with the signal's reason, waiting or not", async () => {
    const controller = new AbortController()
    const { buffer, closed } = open(controller.signal)
    const waiting = buffer.next()
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await expect(buffer.next()).rejects.toThrow('enough')
    expect(closed).toEqual([buffer])
    await expect(open(controller.signal).buffer.next()).rejects.toThrow('enough')
  })
})

describe('the state file', () => {
  const saved = { state: 'down', since: 1000, reason: 'no carrier', penalty: 1.5, flapping: false } as const

  function open(content: () => Saved = () => ({ uplinks: { fibre: saved }, forces: {} })) {
    const failures: Error[] = []
    const path = join(folder, 'state.json')
    return { path, failures, file: new StateFile(path, content, error => failures.push(error as Error)) }
  }

  test('returns recently saved states', async () => {
    const { file, failures } = open()
    expect(file.read(Date.now()).uplinks).toEqual({})
    await file.save()
    expect(file.read(Date.now()).uplinks).toEqual({ fibre: saved })
    expect(file.read(Date.now() + 301_000).uplinks).toEqual({})
    expect(file.read(Date.now() - 10_000).uplinks).toEqual({})
    expect(failures).toEqual([])
    expect(readdirSync(folder)).toEqual(['state.json'])
  })

  test('after many concurrent saves it has the last state, and is always complete', async () => {
    let since = 0
    const { file, path } = open(() => ({ uplinks: { fibre: { ...saved, since } }, forces: {} }))
    const saves: Promise<void>[] = []
    for (; since < 200; since++) {
      saves.push(file.save())
      if (since % 10 === 0) await new Promise(setImmediate)
      if (readdirSync(folder).includes('state.json')) JSON.parse(readFileSync(path, 'utf8'))
    }
    since = 999
    await file.save()
    await Promise.all(saves)
    expect(file.read(Date.now()).uplinks).toEqual({ fibre: { ...saved, since: 999 } })
  })

  test.each([
    '',
    '{',
    'null',
    '[]',
    '{"version":2}',
    '{"version":1,"savedAt":0}',
    `{"version":1,"savedAt":${Date.now()},"uplinks":{"fibre":{"state":"great"}}}`,
    `{"version":1,"savedAt":${Date.now()},"uplinks":{"fibre":null}}`,
    `{"version":1,"savedAt":${Date.now()},"uplinks":{},"forces":{"fibre":{"state":"degraded"}}}`,
    `{"version":1,"savedAt":${Date.now()},"uplinks":{},"forces":null}`,
  ])('is ignored with a warning if it is damaged: %s', text => {
    const { file, path, failures } = open()
    writeFileSync(path, text)
    expect(file.read(Date.now())).toMatchObject({ uplinks: {}, forces: {} })
    expect(failures).toHaveLength(1)
  })

  test('is not read if it is a FIFO, a folder, a device, too large, or a link to a private file', () => {
    const { file, path, failures } = open()
    const secret = join(folder, 'secret')
    writeFileSync(secret, 'root:$6$s3cret')
    const places: [make: () => void, told: RegExp][] = [
      [() => execFileSync('mkfifo', [path]), /state\.json is not a file/],
      [() => mkdirSync(path), /state\.json is not a file/],
      [() => symlinkSync('/dev/zero', path), /state\.json is not a file/],
      [() => writeFileSync(path, Buffer.alloc(2 ** 24 + 1)), /state\.json is larger than/],
      [() => symlinkSync(secret, path), /^the state file is damaged: no JSON$/],
    ]
    for (const [make, told] of places) {
      make()
      expect(file.read(Date.now())).toMatchObject({ uplinks: {}, forces: {} })
      expect(failures.pop()!.message).toMatch(told)
      rmSync(path, { recursive: true })
    }
    expect(failures).toEqual([])
  })

  test('can be read by its owner whatever the umask', async () => {
    const { file, path, failures } = open()
    const before = process.umask(0o777)
    onTestFinished(() => void process.umask(before))
    await file.save()
    expect(failures).toEqual([])
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('is not read if it is replaced by a link at the last moment', async () => {
    const { file, path, failures } = open()
    const victim = join(folder, 'victim')
    writeFileSync(victim, 'mine')
    const unlink = vi.spyOn(promises, 'unlink').mockImplementation(async temporary => symlinkSync(victim, temporary))
    await file.save()
    unlink.mockRestore()
    expect(failures).toMatchObject([{ code: 'EEXIST' }])
    expect(readFileSync(victim, 'utf8')).toBe('mine')
    expect(existsSync(path)).toBe(false)
  })

  test('is not written through a link, a FIFO or a folder', async () => {
    const { file, path, failures } = open()
    const unlink = vi.spyOn(promises, 'unlink')
    await file.save()
    const temporary = String(unlink.mock.calls[0]![0])
    unlink.mockRestore()
    rmSync(path)
    const victim = join(folder, 'victim')
    writeFileSync(victim, 'mine')
    for (const make of [
      () => symlinkSync(victim, temporary),
      () => symlinkSync(join(folder, 'nowhere'), temporary),
      () => linkSync(victim, temporary),
      () => execFileSync('mkfifo', [temporary]),
      () => writeFileSync(temporary, 'left by a process of this number'),
    ]) {
      make()
      await file.save()
      expect(failures).toEqual([])
      expect(file.read(Date.now()).uplinks).toEqual({ fibre: saved })
      expect(readdirSync(folder).sort()).toEqual(['state.json', 'victim'])
      expect(statSync(path).mode & 0o777).toBe(0o600)
      rmSync(path)
    }
    expect(readFileSync(victim, 'utf8')).toBe('mine')
    mkdirSync(temporary)
    writeFileSync(join(temporary, 'kept'), '')
    await file.save()
    expect(failures.map(({ message }) => message)).toEqual([
      expect.stringMatching(/unlink '.*state\.json\.\d+\.\d+\.tmp'/),
    ])
    expect(readdirSync(temporary)).toEqual(['kept'])
  })

  test('may be released and taken again while it is written, as by reloads', async () => {
    const several = Array.from({ length: 5 }, () => open())
    await Promise.all(several.map(({ file }) => file.save(false)))
    expect(several.flatMap(({ failures }) => failures)).toEqual([])
    expect(readdirSync(folder)).toEqual(['state.json'])
  })

  test('is reported once if it cannot be written, and is written within a minute once it can', async () => {
    const failures: Error[] = []
    const path = join(folder, 'missing', 'state.json')
    const file = new StateFile(
      path,
      () => ({ uplinks: {}, forces: {} }),
      error => failures.push(error as Error),
    )
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    await file.save()
    await file.save()
    expect(failures).toMatchObject([{ code: 'ENOENT' }])
    mkdirSync(join(folder, 'missing'))
    vi.advanceTimersByTime(60_000)
    await vi.waitFor(() => expect(existsSync(path)).toBe(true))
    rmSync(join(folder, 'missing'), { recursive: true })
    await file.save(false)
    expect(failures).toHaveLength(2)
    // No timer keeps it.
    expect(vi.getTimerCount()).toBe(0)
  })
})
