import { type Answer, encode } from 'dns-packet'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { followChain, toRecord } from '../../src/protocols/dns/answer.js'
import { decodeResponse, encodeQuery, newQuery } from '../../src/protocols/dns/message.js'
import type { RecordType } from '../../src/protocols/dns/records.js'
import { a, aaaa, cname } from './dns-fake-server.js'

const query = { id: 4711, name: 'host.example', type: 'A', edns: true } as const
const question = { name: 'host.example', type: 'A', class: 'IN' } as const

function response(change: Partial<Parameters<typeof encode>[0]> = {}): Buffer {
  return encode({
    type: 'response',
    id: query.id,
    flags: 0x180,
    questions: [question],
    answers: [a('host.example', '192.0.2.1')],
    ...change,
  })
}

describe('a response counts only', () => {
  test('that is correct', () => {
    const decoded = decodeResponse(response(), query)!
    expect(decoded).toMatchObject({ rcode: 'NOERROR', truncated: false, referral: false })
    expect(followChain(decoded.answers, query.name, 'A')).toMatchObject([{ data: '192.0.2.1', ttl: 60 }])
  })
  test('with the id of the query', () => expect(decodeResponse(response({ id: 4712 }), query)).toBeUndefined())
  test('as a response', () => expect(decodeResponse(response({ type: 'query' }), query)).toBeUndefined())
  test('with opcode QUERY', () => expect(decodeResponse(response({ flags: 0x2180 }), query)).toBeUndefined())
  test('to the name', () =>
    expect(decodeResponse(response({ questions: [{ ...question, name: 'other.example' }] }), query)).toBeUndefined())
  test('to the type', () =>
    expect(decodeResponse(response({ questions: [{ ...question, type: 'AAAA' }] }), query)).toBeUndefined())
  test('to the class', () =>
    expect(decodeResponse(response({ questions: [{ ...question, class: 'CH' }] }), query)).toBeUndefined())
  test('to one question', () => {
    expect(decodeResponse(response({ questions: [question, question] }), query)).toBeUndefined()
    expect(decodeResponse(response({ questions: [] }), query)).toBeUndefined()
  })
  test('whatever the case of its letters', () =>
    expect(decodeResponse(response({ questions: [{ ...question, name: 'HOST.Example' }] }), query)).toBeDefined())
})

describe('a refusal counts', () => {
  test.each([
    [1, 'FORMERR'],
    [2, 'SERVFAIL'],
    [4, 'NOTIMP'],
    [5, 'REFUSED'],
    [9, 'RCODE9'],
  ])('with code %i: with the question, without it, and as a bare header whose counts claim more', (code, rcode) => {
    const refusal = { flags: 0x100 | code, answers: [] }
    const bare = response(refusal).subarray(0, 12)
    for (const bytes of [
      response(refusal),
      response({ ...refusal, questions: [] }),
      bare,
      response(refusal).subarray(0, 20),
    ])
      expect(decodeResponse(bytes, query)).toMatchObject({ rcode, answers: [] })
  })
  test('only for this query', () => {
    const other = { ...question, name: 'other.example' }
    expect(decodeResponse(response({ flags: 0x105, questions: [other] }), query)).toBeUndefined()
    expect(decodeResponse(response({ flags: 0x105, id: 1, questions: [] }), query)).toBeUndefined()
  })
  test('but "no such name" must repeat the question', () =>
    expect(decodeResponse(response({ flags: 0x103, questions: [], answers: [] }), query)).toBeUndefined())
})

describe('records in the wrong section are detected if EDNS was used', () => {
  const opt = { type: 'OPT', name: '.', udpPayloadSize: 512, extendedRcode: 0, ednsVersion: 0, flags: 0, options: [] }
  const answer = a('host.example', '192.0.2.1')
  test.each([
    ['the answer among the authorities', { authorities: [answer] }, true],
    ['the answer among the additional records', { additionals: [answer] }, true],
    ['OPT among the answers', { answers: [opt as never] }, true],
    ['OPT among the authorities', { authorities: [opt as never] }, true],
    ['the answer in both sections', { answers: [opt as never, answer] }, false],
    ['everything in the right section', { additionals: [opt as never, a('other.example', '192.0.2.2')] }, false],
  ])('%s', (_where, sections, misplaced) => {
    const bytes = response({ answers: [], ...sections })
    expect(decodeResponse(bytes, query)?.misplaced).toBe(misplaced)
    expect(decodeResponse(bytes, { ...query, edns: false })?.misplaced).toBe(false)
  })
})

test('in a truncated response only the truncation counts', () => {
  const cut = response({ flags: 0x380 }).subarray(0, 35)
  expect(decodeResponse(cut, query)).toMatchObject({ truncated: true, answers: [] })
})

test('garbage after the answers does no harm', () => {
  const bytes = response()
  bytes.writeUInt16BE(9, 8)
  expect(decodeResponse(Buffer.concat([bytes, Buffer.from([0xc0, 0xff, 1])]), query)?.answers).toHaveLength(1)
})

test('a query has a random id, one question, recursion desired, and EDNS with the recommended size', () => {
  const ids = new Set(Array.from({ length: 200 }, () => newQuery('a.example', 'A', true).id))
  expect(ids.size).toBeGreaterThan(150)
  const bytes = Buffer.from(encodeQuery(query))
  expect(bytes.readUInt16BE(0)).toBe(4711)
  expect(bytes.readUInt16BE(2)).toBe(0x0100)
  expect(bytes.subarray(-11)).toEqual(Buffer.from([0, 0, 41, 1232 >> 8, 1232 & 255, 0, 0, 0, 0, 0, 0]))
  expect(encodeQuery({ ...query, edns: false }).length).toBe(bytes.length - 11)
})

test('nothing makes the decoder throw', () => {
  const head = response().subarray(0, 30)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.boolean(), (bytes, asAnswer) => {
      const message = asAnswer ? Buffer.concat([head, bytes]) : bytes
      const decoded = decodeResponse(message, query)
      if (decoded) followChain(decoded.answers, query.name, 'A')
    }),
    { numRuns: 3000 },
  )
})

test('neither does a valid response with changed or missing bytes', () => {
  const good = response({
    answers: [cname('host.example', 'b.example'), a('b.example', '192.0.2.2'), aaaa('c.example', '::1')],
  })
  fc.assert(
    fc.property(fc.nat(good.length), fc.nat(good.length - 1), fc.nat(255), (length, at, value) => {
      const bytes = Buffer.from(good)
      bytes[at] = value
      const decoded = decodeResponse(bytes.subarray(0, length), query)
      for (const { data } of (decoded && followChain(decoded.answers, query.name, 'A')) ?? []) {
        expect(String(data)).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
      }
    }),
    { numRuns: 3000 },
  )
})

test.each([
  ['at each other', [0xc0, 32, 0xc0, 30]],
  ['forward', [0xc0, 34]],
  ['beyond the end', [0xff, 0xff]],
])('names that point %s are no names', (_where, name) => {
  const record = [...name, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4]
  const message = Buffer.concat([response({ answers: [] }), Buffer.from(record)])
  message.writeUInt16BE(1, 6)
  expect(decodeResponse(message, query)).toMatchObject({ truncated: true, answers: [] })
})

test('a name that points to itself, and 64 KB of names each through thousands of pointers, end soon', () => {
  const loop = Buffer.concat([
    response({ answers: [] }),
    Buffer.from([0xc0, 30, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4]),
  ])
  loop.writeUInt16BE(1, 6)
  expect(decodeResponse(loop, query)).toMatchObject({ truncated: true, answers: [] })

  const bomb = Buffer.alloc(65_535)
  response({ answers: [] }).copy(bomb)
  let at = 30
  // One record has the pointers as its data. The names of the other records start at the last pointer.
  bomb.writeUInt16BE(0xffff, 6)
  Buffer.from([0, 0, 99, 0, 1, 0, 0, 0, 9]).copy(bomb, at)
  bomb.writeUInt16BE(16_000, at + 9)
  at += 11
  let last = at
  bomb[at++] = 0
  for (const end = last + 15_998; at < end; at += 2) {
    bomb.writeUInt16BE(0xc000 | last, at)
    last = at
  }
  at = 41 + 16_000
  for (; at + 12 <= bomb.length; at += 12) {
    bomb.writeUInt16BE(0xc000 | last, at)
    bomb.writeUInt16BE(99, at + 2)
    bomb.writeUInt16BE(1, at + 4)
  }
  // Measure CPU time, because wall-clock time is meaningless on a busy machine.
  const start = process.cpuUsage()
  expect(decodeResponse(bomb, query)?.answers.length).toBe(1000)
  expect(process.cpuUsage(start).user / 1000).toBeLessThan(2000)
})

describe('a record whose length does not fit its type makes the answer unreadable', () => {
  const name = [1, 0x62, 0]
  const short = [1, 0x62]
  test.each<[type: RecordType, number: number, good: number[], bad: number[][]]>([
    ['A', 1, [192, 0, 2, 1], [[192, 0, 2], [192, 0, 2, 1, 5], Array(16).fill(1), []]],
    ['AAAA', 28, Array(16).fill(1), [Array(15).fill(1), Array(17).fill(1), [192, 0, 2, 1]]],
    ['NS', 2, name, [short, [...name, 0], []]],
    ['CNAME', 5, name, [short, [...name, 0], []]],
    ['PTR', 12, name, [short, [...name, 0], []]],
    [
      'MX',
      15,
      [0, 9, ...name],
      [
        [0, 9],
        [0, 9, ...short],
        [0, 9, ...name, 0],
      ],
    ],
    [
      'SRV',
      33,
      [0, 1, 0, 2, 0, 3, ...name],
      [
        [0, 1, 0, 2],
        [0, 1, 0, 2, 0, 3, ...short],
        [0, 1, 0, 2, 0, 3, ...name, 0],
      ],
    ],
    [
      'SOA',
      6,
      [...name, ...name, ...Array(20).fill(1)],
      [
        [...name, ...name, ...Array(19).fill(1)],
        [...name, ...name, ...Array(21).fill(1)],
      ],
    ],
    [
      'NAPTR',
      35,
      [0, 1, 0, 2, 1, 0x53, 0, 0, ...name],
      [
        [0, 1, 0, 2, 1, 0x53, 0, 0],
        [0, 1, 0, 2, 1, 0x53, 0, 0, ...name, 0],
      ],
    ],
    ['DS', 43, [0, 1, 8, 2, 7, 7], [[0, 1, 8], []]],
    ['SSHFP', 44, [1, 1, ...Array(20).fill(7)], [[1, 1, ...Array(19).fill(7)], [1, 1, ...Array(21).fill(7)], [1]]],
    ['DNSKEY', 48, [1, 0, 3, 8, 7, 7], [[1, 0, 3], []]],
    ['TLSA', 52, [3, 1, 1, 7, 7], [[3, 1], []]],
    ['CAA', 257, [0, 2, 0x69, 0x6f, 0x78], [[0], [0, 9, 0x69, 0x6f], []]],
    [
      'TXT',
      16,
      [1, 0x78],
      [
        [9, 0x78],
        [1, 0x78, 3],
      ],
    ],
  ])('%s', (type, number, good, bad) => {
    const asked = { ...query, type }
    // The second record shows whether the reader is still in step.
    const read = (data: number[]) => {
      const record = (rest: number[]) => [
        0xc0,
        12,
        number >> 8,
        number & 255,
        0,
        1,
        0,
        0,
        0,
        9,
        0,
        rest.length,
        ...rest,
      ]
      const empty = response({ questions: [{ ...question, type: type as 'A' }], answers: [] })
      const message = Buffer.concat([empty, Buffer.from([...record(data), ...record(good)])])
      message.writeUInt16BE(2, 6)
      return decodeResponse(message, asked)
    }
    expect(read(good)).toMatchObject({ truncated: false, answers: { length: 2 } })
    for (const data of bad) expect(read(data), String(data)).toMatchObject({ truncated: true, answers: [] })
  })

  test('so does a text that goes beyond the end of the message', () => {
    const message = Buffer.concat([
      response({ questions: [{ ...question, type: 'TXT' }], answers: [] }),
      Buffer.from([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 9, 0, 9, 1, 0x78]),
    ])
    message.writeUInt16BE(1, 6)
    expect(decodeResponse(message, { ...query, type: 'TXT' })).toMatchObject({ truncated: true, answers: [] })
  })
})

describe('the chain of CNAMEs', () => {
  test('is followed without case, and the smallest ttl counts', () => {
    const answers: Answer[] = [
      a('c.example', '192.0.2.3', 300),
      cname('HOST.example', 'B.example', 20),
      cname('b.example', 'c.EXAMPLE', 100),
      a('c.example', '192.0.2.4', 10),
      a('unrelated.example', '192.0.2.66'),
    ]
    expect(followChain(answers, 'host.example', 'A')).toEqual([
      { name: 'c.example', type: 'A', ttl: 20, data: '192.0.2.3' },
      { name: 'c.example', type: 'A', ttl: 10, data: '192.0.2.4' },
    ])
  })
  test('may be the requested type itself', () =>
    expect(followChain([cname('host.example', 'b.example')], 'host.example', 'CNAME')).toMatchObject([
      { data: 'b.example' },
    ]))
  test('may end without an address', () =>
    expect(followChain([cname('host.example', 'b.example')], 'host.example', 'A')).toEqual([]))
  test('may be a loop', () => {
    const answers = [cname('host.example', 'b.example'), cname('b.example', 'host.example')]
    expect(followChain(answers, 'host.example', 'A')).toBeUndefined()
  })
  test('is followed for at most sixteen names', () => {
    const chain = (length: number) => Array.from({ length }, (_, i) => cname(`n${i}.example`, `n${i + 1}.example`))
    const found = (length: number) =>
      followChain([...chain(length), a(`n${length}.example`, '192.0.2.1')], 'n0.example', 'A')
    expect(found(16)).toMatchObject([{ name: 'n16.example', data: '192.0.2.1' }])
    expect(found(17)).toBeUndefined()
  })
  test('skips other classes, and treats a ttl with the top bit set as 0', () => {
    expect(followChain([{ ...a('host.example', '192.0.2.1'), class: 'CH' } as Answer], 'host.example', 'A')).toEqual([])
    expect(followChain([a('host.example', '192.0.2.1', 0x8000_0000)], 'host.example', 'A')).toMatchObject([{ ttl: 0 }])
  })
})

test('TXT is returned as its strings', () => {
  const txt = { name: 'x', type: 'TXT', ttl: 1, data: [Buffer.from('one'), Buffer.from('zwei')] } as const
  expect(toRecord(txt)).toEqual({ name: 'x', type: 'TXT', ttl: 1, data: ['one', 'zwei'] })
})
