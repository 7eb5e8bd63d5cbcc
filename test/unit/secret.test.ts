import crypto from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { expect, test, vi } from 'vitest'
import { Access } from '../../src/cli/monitor/web/access.js'
import { Users } from '../../src/proxy/users.js'

test('a wrong token or password is compared once, completely, and in constant time', () => {
  const compare = vi.spyOn(crypto, 'timingSafeEqual')
  const access = new Access('0123456789abcdef')
  const users = new Users({ ann: 'secret' })
  const token = (authorization?: string) => access.refusal({ headers: { authorization } } as IncomingMessage)
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
  const tried: [() => unknown, unknown][] = [
    [() => token('Bearer 0123456789abcdef'), undefined],
    [() => token('Bearer x'), 401],
    [() => token('Bearer 0123456789abcdeF'), 401],
    [() => token(basic('any:0123456789abcdef')), undefined],
    [() => token(basic('any:')), 401],
    [() => users.accepts('client', 'ann', 'secret'), true],
    [() => users.accepts('client', 'ann', ''), false],
    [() => users.accepts('another', 'ann', 's'.repeat(255)), false],
    [() => users.accepts('client', 'bob', 'secret'), false],
    [() => users.accepts('client', '', ''), false],
  ]
  for (const [attempt, verdict] of tried) {
    compare.mockClear()
    expect(attempt()).toBe(verdict)
    expect(compare.mock.calls.map(([a, b]) => [a.byteLength, b.byteLength])).toEqual([[32, 32]])
  }
  // A value that isn't a valid token is rejected without a comparison.
  for (const field of [undefined, '', 'Bearer', 'Digest 0123456789abcdef', '0123456789abcdef'])
    expect(token(field)).toBe(401)
})
