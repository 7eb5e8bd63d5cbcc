import { expect, test, vi } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import type * as Poller from '../../src/binding/poller.js'
import { checkHttp } from '../../src/checks/http/check-http.js'
import { httpServer } from './http-servers.js'

const count = 20
const reports = vi.hoisted((): (() => void)[] => [])

/** Reports all readable descriptors in one turn of the event loop, as the poller does if they become readable between turns. */
vi.mock('../../src/binding/poller.js', async original => {
  const poller = await original<typeof Poller>()
  class Watch extends poller.Watch {
    #isRead = false

    constructor(fd: number, onReady: (events: number) => void) {
      super(fd, events => {
        if (!this.#isRead) return onReady(events)
        reports.push(() => onReady(events))
        if (reports.length === count) for (const report of reports) report()
      })
    }

    override arm(events: number): void {
      this.#isRead = events === addon().constants.EPOLLIN
      super.arm(events)
    }
  }
  return { ...poller, Watch }
})

test('answers that arrive in the same turn reach their own checks', async () => {
  const paths = Array.from({ length: count }, (_, i) => `/${i}`.padEnd(4, '.'))
  const port = await httpServer(({ url }, response) => void response.setHeader('content-length', 4).end(url))
  const results = await Promise.all(
    paths.map(path => checkHttp(`http://127.0.0.1:${port}${path}`, { device: 'lo', expectBody: path })),
  )
  expect(results.map(({ ok }) => ok)).toEqual(paths.map(() => true))
  expect(reports).toHaveLength(count)
})
