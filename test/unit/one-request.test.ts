import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { OneRequest } from '../../src/cli/monitor/web/one-request.js'

test('a second request is read only after the answer to the first is complete', async () => {
  const seen: string[] = []
  let one: OneRequest | undefined
  const server = createServer(socket => {
    one = new OneRequest(socket, 8192)
    one.on('data', bytes => seen.push(String(bytes)))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  onTestFinished(() => {
    client.destroy()
    one?.destroy()
    server.close()
  })
  client.write('GET /1\r\n\r\nGET /2\r\n\r\nGET /3\r\n')
  await expect.poll(() => seen.length).toBeGreaterThan(0)
  await wait(100)
  expect(seen).toEqual(['GET /1\r\n\r\n'])
  one!.next()
  await expect.poll(() => seen.length).toBe(2)
  client.write('\r\n')
  await wait(100)
  expect(seen).toEqual(['GET /1\r\n\r\n', 'GET /2\r\n\r\n'])
  one!.next()
  await expect.poll(() => seen.at(-1)).toBe('GET /3\r\n\r\n')
})
