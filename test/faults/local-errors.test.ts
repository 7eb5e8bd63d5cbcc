import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkDns, checkHttp, checkPing, checkTcp } from '../../src/index.js'
import { fakeServer } from '../unit/dns-fake-server.js'
import { type Fault, inject } from './inject.js'

const host = '127.0.0.1'
const path = { device: 'lo', timeout: 1000 }
const web = createServer((_request, response) => response.end('ok'))
let port: number
let names: Awaited<ReturnType<typeof fakeServer>>

beforeAll(async () => {
  await new Promise<void>(ready => web.listen(0, host, ready))
  port = (web.address() as AddressInfo).port
  names = await fakeServer(() => ({ answers: [{ type: 'A', name: 'a.test', ttl: 1, data: host }] }))
})

afterAll(async () => {
  await names.close()
  web.close()
})

const checks: Record<string, () => Promise<unknown>> = {
  checkTcp: () => checkTcp({ host, port, ...path }),
  checkHttp: () => checkHttp(`http://${host}:${port}/`, path),
  'checkHttp with a pattern': () => checkHttp(`http://${host}:${port}/`, { ...path, expectBody: /k$/ }),
  checkDns: () => checkDns('a.test', { ...path, servers: [names.server] }),
  checkPing: () => checkPing(host, { ...path, count: 1 }),
}

/** Kernel errors for a lack of resources on this machine, which say nothing about the network. */
const shortages: [fault: Fault, checks: string[]][] = [
  [{ call: 'socket', error: 'EMFILE' }, Object.keys(checks)],
  [{ call: 'socket', error: 'ENFILE' }, Object.keys(checks)],
  [{ call: 'socket', error: 'ENOMEM' }, Object.keys(checks)],
  [{ call: 'setsockopt', option: 'SO_BINDTODEVICE', error: 'ENOMEM' }, Object.keys(checks)],
  // The limit fs.epoll.max_user_watches is reached.
  [{ call: 'epoll_ctl', error: 'ENOSPC' }, ['checkHttp', 'checkDns', 'checkPing']],
  // Node would end the process.
  [{ call: 'pthread_create', error: 'EAGAIN' }, ['checkHttp with a pattern']],
  [{ call: 'connect', error: 'ENOBUFS' }, ['checkTcp', 'checkHttp']],
  // A packet filter on this machine rejects the connection.
  [{ call: 'connect', error: 'EPERM' }, ['checkTcp', 'checkHttp', 'checkDns']],
  [{ call: 'sendmmsg', error: 'ENOMEM' }, ['checkDns']],
]

describe.each(shortages)('%o is a local error, not a verdict on the network', (fault, names) => {
  test.each(names)('of %s', async name => {
    await checks[name]!()
    // Until its socket is closed, the next ping would use it again.
    await sleep(200)
    using end = inject(fault)
    await expect(checks[name]!()).rejects.toMatchObject({ code: fault.error })
    expect(end()[0]).toBeGreaterThan(0)
  })
})
