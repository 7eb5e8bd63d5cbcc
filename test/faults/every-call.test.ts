import { fstatSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { requires } from '../unit/requirements.js'
import { callCounts, type Fault, inject } from './inject.js'
import { startScenarios } from './scenarios.js'

const general = ['ENOMEM', 'EPERM', 'ENOBUFS']
/** The errors that each call can return, according to its manual page or on an old kernel. */
const errors: Record<string, string[]> = {
  socket: ['EMFILE', 'ENFILE', 'EAFNOSUPPORT', 'EPROTONOSUPPORT', 'EACCES', ...general],
  close: ['EINTR', 'EIO'],
  bind: ['EADDRINUSE', 'EADDRNOTAVAIL', 'ENODEV', ...general],
  listen: ['EADDRINUSE'],
  accept: ['ECONNABORTED', 'EMFILE', 'ENFILE', 'EPROTO', ...general],
  connect: ['EINTR', 'EAGAIN', 'ENETDOWN', 'ENETUNREACH', 'EADDRNOTAVAIL', ...general],
  getsockname: ['ENOBUFS'],
  getpeername: ['ENOBUFS', 'ENOTCONN'],
  getsockopt: ['ENODEV', 'ENOPROTOOPT', 'ENOMEM'],
  setsockopt: ['ENODEV', 'ENOPROTOOPT', 'EINVAL', ...general],
  if_nametoindex: ['ENODEV', 'EMFILE'],
  if_indextoname: ['ENXIO', 'EMFILE'],
  epoll_ctl: ['ENOMEM', 'ENOSPC'],
  epoll_wait: ['EINTR'],
  malloc: ['ENOMEM'],
  realloc: ['ENOMEM'],
  sendmmsg: ['EINTR', 'EAGAIN', 'ENETDOWN', 'ENODEV', 'EMSGSIZE', 'EHOSTUNREACH', ...general],
  recvmmsg: ['EINTR', 'EAGAIN', 'ENETDOWN', 'ECONNREFUSED', 'ENOMEM', 'ENOBUFS'],
  send: ['EINTR', 'EAGAIN', 'EPIPE', 'ECONNRESET', ...general],
  read: ['EINTR', 'EAGAIN', 'ECONNRESET', 'ENOMEM', 'ENOBUFS'],
  shutdown: ['ENOTCONN', 'ENOBUFS'],
  duplicate: ['EMFILE'],
  getrandom: ['EINTR', 'ENOSYS'],
}
/** The kernel allocates memory when a descriptor is added (EPOLL_CTL_ADD), not when it is armed again. */
const only: Record<string, number[]> = { epoll_ctl: [1] }
/** Errors that no kernel returns permanently. The call is simply repeated, immediately or when there is room. */
const passing = ['EINTR', 'EAGAIN']
/** For a call that is made repeatedly, only the first calls are made to fail, one in each run. */
const places = 8
/** In ms. An operation that takes longer counts as hanging. */
const hangs = 10_000

const keepAlive = vi.spyOn(addon(), 'keepAlive')
/** Descriptors that were closed although they weren't open. Next time, that could close another descriptor. */
const closedTwice: number[] = []
const { close } = addon()
vi.spyOn(addon(), 'close').mockImplementation(fd => {
  try {
    fstatSync(fd)
  } catch {
    closedTwice.push(fd)
  }
  return close(fd)
})
const descriptors = () => readdirSync('/proc/self/fd').length
const { scenarios, stop } = await startScenarios()

beforeEach(context => requires(context, 'ping'))
afterAll(stop)

/** Waits a little, because the descriptors of the device watcher and of ICMP paths linger. */
async function settle(before: number): Promise<void> {
  for (let i = 0; i < 50 && descriptors() > before; i++) await sleep(20)
}

/** The problem with how the operation handled the fault, if any. */
async function survives(run: () => Promise<unknown>, fault: Fault, before: number): Promise<string | undefined> {
  const end = inject(fault)
  const outcome = await Promise.race([
    run().then(
      () => undefined,
      (error: NodeJS.ErrnoException) => (error instanceof Error && error.code ? undefined : `rejects with ${error}`),
    ),
    sleep(hangs, 'hangs', { ref: false }),
  ])
  end()
  if (outcome) return outcome
  await settle(before)
  if (closedTwice.length > 0) return `closed twice: ${closedTwice.splice(0)}`
  if (descriptors() > before) return `${descriptors() - before} descriptors left`
  if (keepAlive.mock.lastCall?.[0]) return 'the event loop is kept alive'
  return undefined
}

describe.each(Object.keys(scenarios))('%s', name => {
  const run = scenarios[name]!

  test('survives or reports each failure of each system call', { timeout: 300_000, retry: 0 }, async () => {
    // Loads the code. On a busy machine, that takes longer than the time limits of most scenarios.
    await run().catch(() => {})
    const before = callCounts()
    await run()
    const after = callCounts()
    // By then, lingering descriptors on both sides of a connection are closed.
    await sleep(300)
    let open = descriptors()
    const wrong: string[] = []
    let struck = 0
    for (const [call, codes] of Object.entries(errors)) {
      const made = Math.min(after[call]! - before[call]!, places)
      for (const error of codes) {
        for (let skip = 0; skip < made; skip++) {
          for (const times of [1, passing.includes(error) ? 5 : undefined]) {
            const problem = await survives(run, { call, numbers: only[call], error, skip, times }, open)
            struck++
            // Report each leaked descriptor only once.
            open = Math.max(open, descriptors())
            if (problem)
              wrong.push(`${call} ${error} after ${skip}${times ? `, ${times} times` : ', permanently'}: ${problem}`)
          }
        }
      }
    }
    const [unharmed] = await Promise.allSettled([run()])
    expect(wrong).toEqual([])
    expect(unharmed.status).toBe('fulfilled')
    expect(struck).toBeGreaterThan(0)
  })
})
