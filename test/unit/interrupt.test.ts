import { describe, expect, test } from 'vitest'
import { fired } from '../../src/cli/shared/interrupt.js'
import { startMonitor, tcpUplinks } from './monitor-command.js'

test('waiting for a signal that has already fired returns immediately', async () => {
  await fired(AbortSignal.abort())
  const controller = new AbortController()
  let ended = false
  const waiting = fired(controller.signal).then(() => {
    ended = true
  })
  await new Promise(resolve => setImmediate(resolve))
  expect(ended).toBe(false)
  controller.abort()
  await waiting
})

describe('a second signal', () => {
  const hooked = (script: string) => startMonitor(`hook: [sh, -c, '${script}']\n${tcpUplinks(['lte', 9])}`)

  test('that a launcher passes on, as timeout(1) does, does not cut the end short', async () => {
    const { child, says, said, ended } = hooked('echo begun; sleep 1; echo over')
    await says(/begun/)
    for (const wait of [0, 50, 50]) {
      await new Promise(resolve => setTimeout(resolve, wait))
      child.kill('SIGINT')
    }
    await ended
    expect(said()).toMatch(/hook: over/)
    expect(child.signalCode).toBe('SIGINT')
  })

  test('that comes later ends it immediately', async () => {
    const { child, says, said, ended } = hooked('echo begun; sleep 60')
    await says(/begun/)
    child.kill('SIGINT')
    await new Promise(resolve => setTimeout(resolve, 2000))
    child.kill('SIGINT')
    await ended
    expect(child.signalCode).toBe('SIGINT')
    expect(said()).not.toMatch(/the monitor ends/)
  })
})
