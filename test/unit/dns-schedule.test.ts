import { describe, expect, test } from 'vitest'
import { planTries } from '../../src/protocols/dns/schedule.js'

const server = (last: number) => ({ address: `192.0.2.${last}`, port: 53 })
const servers = [server(1), server(2), server(3)]

/** Describes tries as `1 at 300`, with the last number of the server's address and the time in ms. */
const texts = (...given: Parameters<typeof planTries>) =>
  planTries(...given).map(({ server, at, edns, fallback }) =>
    [`${server.address.at(-1)} at ${Math.round(at)}`, edns ? '' : 'plain', fallback ? 'fallback' : ''].join(' ').trim(),
  )

describe('the plan of a question', () => {
  test('asks the next server after 300 ms, and the same one again after a second, without EDNS', () => {
    expect(texts({ servers: servers.slice(0, 1), attempts: 2, limit: 10_000 }, () => true)).toEqual([
      '1 at 0',
      '1 at 1000 plain',
    ])
    expect(texts({ servers, attempts: 2, limit: 5000 }, () => true)).toEqual([
      '1 at 0',
      '2 at 300',
      '3 at 600',
      '1 at 1000 plain',
      '2 at 1300 plain',
      '3 at 1600 plain',
    ])
  })

  test('a server with unknown EDNS support is soon asked without it, and one without support only so', () => {
    const copes = ({ address }: { address: string }) => (address === server(1).address ? undefined : false)
    expect(texts({ servers: servers.slice(0, 2), attempts: 1, limit: 5000 }, copes)).toEqual([
      '1 at 0',
      '1 at 40 plain fallback',
      '2 at 300 plain',
    ])
  })

  test.each([100, 300, 1000, 2000])(
    'within %i ms every server is asked in every round, with time left to answer',
    limit => {
      for (const count of [1, 2, 3, 12]) {
        const many = Array.from({ length: count }, (_, index) => server(index + 1))
        const plan = planTries({ servers: many, attempts: 2, limit }, () => undefined)
        expect(plan.filter(({ fallback }) => !fallback)).toHaveLength(2 * count)
        expect(plan.at(-1)!.at).toBeLessThan(limit)
        expect(plan.map(({ at }) => at)).toEqual(plan.map(({ at }) => at).toSorted((a, b) => a - b))
      }
    },
  )
})
