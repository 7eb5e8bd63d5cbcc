import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { NotifySocket } from '../../src/cli/monitor/systemd/notify-socket.js'
import { ServiceStatus, summary } from '../../src/cli/monitor/systemd/service-status.js'
import type { UplinkSnapshot } from '../../src/monitor/record/event-types.js'
import { httpServer } from './http-servers.js'
import { startMonitor, tcpUplinks } from './monitor-command.js'
import { simulate } from './monitor-world.js'
import { serviceManager } from './service-manager.js'

function socketIn(): string {
  const folder = mkdtempSync(join(tmpdir(), 'netvia-notify-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return join(folder, 'notify')
}

describe('messages to the service manager', () => {
  test.for([['a path'], ['an abstract name']])('over %s: ready, status, watchdog, reload, end', async ([kind]) => {
    const path = kind === 'a path' ? socketIn() : `@netvia-test-${process.pid}`
    const { got, until } = serviceManager(path)
    const port = await httpServer((_request, response) => response.end())
    const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: '400000' }
    const hook = `hook: [sh, -c, 'echo "left: $NOTIFY_SOCKET$WATCHDOG_USEC."']\n`
    const monitor = startMonitor(hook + tcpUplinks(['fibre', port], ['lte', 9]), [], env)
    await until(/^READY=1\|STATUS=0 up; fibre unknown; lte unknown$/m)
    await until(/^STATUS=1 up; lte down$/m)
    await until(/(WATCHDOG=1\n(.*\n)*){3}/)
    await monitor.says(/hook: left: \.$/m)
    writeFileSync(monitor.file, tcpUplinks(['fibre', port]))
    monitor.child.kill('SIGHUP')
    await until(/^RELOADING=1\|MONOTONIC_USEC=\d+\n(.*\n)*READY=1\|STATUS=1 up$/m)
    monitor.child.kill('SIGTERM')
    await monitor.ended
    expect(got().at(-1)).toBe('STOPPING=1')
    expect(got().filter(line => line.startsWith('READY'))).toHaveLength(2)
  })

  test('feed the watchdog only while checks run', async () => {
    const path = socketIn()
    const { got, until } = serviceManager(path)
    let healthy = true
    const { monitor } = simulate()
    const service = ServiceStatus.of({ NOTIFY_SOCKET: path, WATCHDOG_USEC: '100000' }, 1, monitor, () => healthy)!
    onTestFinished(() => service.stopping())
    service.ready()
    await until(/(WATCHDOG=1\n){3}/)
    healthy = false
    await new Promise(resolve => setTimeout(resolve, 100))
    const before = got().length
    await new Promise(resolve => setTimeout(resolve, 500))
    expect(got().length).toBe(before)
    healthy = true
    await until(new RegExp(`(.*\n){${before}}WATCHDOG=1`))
  })

  test("do not feed the watchdog continuously if its time exceeds a timer's limit", async () => {
    const path = socketIn()
    const { got, until } = serviceManager(path)
    const { monitor } = simulate()
    const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: String(60 * 86_400 * 1e6) }
    const service = ServiceStatus.of(env, 1, monitor, () => true)!
    onTestFinished(() => service.stopping())
    service.ready()
    await until(/WATCHDOG=1/)
    await new Promise(resolve => setTimeout(resolve, 300))
    expect(got().filter(line => line === 'WATCHDOG=1')).toHaveLength(1)
  })

  test("are not sent without a listener, and do not feed another process's watchdog", async () => {
    const { monitor } = simulate()
    expect(ServiceStatus.of({}, 1, monitor, () => true)).toBeUndefined()
    expect(ServiceStatus.of({ NOTIFY_SOCKET: 'vsock:2:1' }, 1, monitor, () => true)).toBeUndefined()
    const path = socketIn()
    const { got, until } = serviceManager(path)
    const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: '1000', WATCHDOG_PID: '2', OTHER: 'kept' }
    const service = ServiceStatus.of(env, 1, monitor, () => true)!
    expect(env).toEqual({ OTHER: 'kept' })
    service.ready()
    service.stopping()
    await until(/STOPPING=1/)
    expect(got()).toEqual(['READY=1|STATUS=0 up; fibre unknown; lte unknown', 'STOPPING=1'])
  })

  test('wait while its queue is full, the newest status alone', async () => {
    const path = socketIn()
    const { got, until } = serviceManager(path)
    const others = new NotifySocket(path)
    onTestFinished(() => others.close())
    const { monitor } = simulate()
    const service = ServiceStatus.of({ NOTIFY_SOCKET: path }, 1, monitor, () => true)!
    onTestFinished(() => service.stopping())
    // Linux limits a queue to net.unix.max_dgram_qlen messages, 10 by default.
    const fill = () => {
      for (let sent = 0; sent < 100_000 && others.send('X=1'); ) sent++
    }
    fill()
    service.ready()
    for (let i = 0; i < 3; i++) monitor.emit('configure', { added: [], changed: [], removed: [], at: 0 })
    await until(/^READY=1\|STATUS=.*\nSTATUS=.*$/m)
    expect(got().filter(line => line.startsWith('STATUS'))).toHaveLength(1)
    fill()
    service.reloading()
    service.reloaded()
    await until(/^RELOADING=1\|.*\nREADY=1\|/m)
  })

  test('do no harm if the socket is gone', () => {
    const socket = new NotifySocket('/nonexistent/notify')
    // They are not to be sent again.
    expect(socket.send('READY=1')).toBe(true)
    expect(socket.send('x'.repeat(10_000))).toBe(true)
    socket.close()
  })
})

test('a status names what is not up, in limited length', () => {
  const uplinks = Array.from({ length: 200 }, (_, index) => ({
    name: `u${index}\n`,
    state: index < 193 ? 'up' : 'down',
  }))
  expect(summary(uplinks as UplinkSnapshot[])).toBe(
    '193 up; u193  down; u194  down; u195  down; u196  down; u197  down; 2 more',
  )
})
