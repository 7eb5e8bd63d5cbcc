/** Run by Jest, whose test files have their own realm: their ArrayBuffer, Error and Promise differ from Node's. */
const { connect, icmp, listen, NetviaError, ping } = require('netvia')

test('a connection over the loopback device', async () => {
  const server = await listen({ host: '127.0.0.1', port: 0, device: 'lo' }, client => client.end('works'))
  const socket = await connect({ host: '127.0.0.1', port: server.address().port, device: 'lo' })
  const chunks = []
  for await (const chunk of socket) chunks.push(String(chunk))
  expect(chunks).toEqual(['works'])
  await new Promise(resolve => server.close(resolve))
})

test('an array of this realm', () => {
  const message = { family: 4, kind: 'echo-request', identifier: 1, sequence: 1, payload: new Uint8Array([1, 2]) }
  expect(icmp.encode(message)).toHaveLength(10)
})

test('an error is one of this realm', async () => {
  const error = await ping('127.0.0.1', { device: 'gone0' }).catch(error => error)
  expect(error).toBeInstanceOf(Error)
  expect(error).toBeInstanceOf(NetviaError)
  expect(error.code).toBe('ENODEV')
})
