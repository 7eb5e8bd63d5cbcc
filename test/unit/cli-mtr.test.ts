import { describe, expect, it } from 'vitest'
import { commonHop, verdict } from '../../src/cli/mtr/common-hop.js'
import { csvLines } from '../../src/cli/mtr/csv.js'
import { tree } from '../../src/cli/mtr/tree.js'
import { draw } from '../../src/cli/mtr/view.js'
import { describeTerminal } from '../../src/cli/shared/output/terminal.js'
import { NetviaError } from '../../src/errors.js'
import type { HopStatistics, RouteStatistics } from '../../src/protocols/traceroute/route-statistics.js'
import { netvia } from './cli-process.js'

type Hop = Partial<HopStatistics>

function route(hops: Hop[], reached = true): RouteStatistics {
  const whole = hops.map((hop, index) => {
    const { address } = hop
    return { ttl: index + 1, sent: 10, received: address ? 10 : 0, lossRatio: 0, lossContinues: false, ...hop }
  })
  return { host: 'h', address: '9', family: 4, rounds: 10, reached, hops: whole as HopStatistics[] }
}

const at = (address: string, lossRatio = 0): Hop => ({ address, lossRatio, lossContinues: lossRatio > 0 })

describe('the first common hop', () => {
  it('is where the routes meet, at any distance', () => {
    expect(commonHop([route([at('1'), at('3'), at('9')]), route([at('2'), {}, at('3'), at('9')])])).toBe('3')
    expect(commonHop([route([at('1')]), route([at('2')])])).toBeUndefined()
    expect(commonHop([route([at('1'), {}]), route([at('2'), {}])])).toBeUndefined()
    expect(commonHop([route([at('1')])])).toBeUndefined()
  })

  it('separates the loss of each route from the common loss', () => {
    expect(verdict(route([at('1'), at('2', 0.2), at('3', 0.2)]), '3')).toBe(
      '20% loss, from hop 2 (2), before the common hop',
    )
    expect(verdict(route([at('1'), at('3', 0.1), at('4', 0.1)]), '3')).toBe(
      '10% loss, from hop 2 (3), at or after the common hop',
    )
    expect(verdict(route([at('1'), { address: '2', lossRatio: 0.5 }, at('3')]), '3')).toBe('no loss on the route')
    expect(verdict(route([at('1'), {}], false), undefined)).toBe('no answer beyond hop 1 (1)')
  })

  it('blames no route for what this machine could not send', () => {
    const error = new NetviaError('no such device', { code: 'ENODEV' })
    expect(verdict({ ...route([at('1'), at('9')]), error }, undefined)).toBe('not sent: no such device')
    const terminal = describeTerminal({} as NodeJS.WriteStream, {})
    const drawn = draw(
      [{ name: 'wan2', route: { ...route([at('9')]), error } }],
      { order: 'L', numeric: true },
      terminal,
    )
    expect(drawn).toMatch(/\nnot sent: no such device$/)
  })
})

describe('the tree of flows', () => {
  it('draws common hops once', () => {
    expect(
      tree([
        ['a', 'b', 'd'],
        ['a', 'c', 'd'],
        ['a', 'b', 'd'],
      ]),
    ).toEqual(['a', '├─ b', '│  d  flows 1, 3', '└─ c', '   d  flow 2'])
  })

  it('shows where a shorter flow ends', () => {
    expect(tree([['a'], ['a', 'b']])).toEqual(['a  flow 1', 'b  flow 2'])
  })
})

it('CSV quotes values that need it, and leaves unknown ones empty', () => {
  const [line] = csvLines(undefined, { ...route([{ address: '1', name: 'a,"b"', avgMs: 1.23456 }]), host: 'x' })
  expect(line).toBe(',x,1,1,"a,""b""",10,,10,0,false,,1.235,,,,')
})

describe('netvia mtr', () => {
  it('prints a report in a pipe, with the columns of -o', async () => {
    const { code, stdout } = await netvia(['mtr', '-n', '-u', '-c', '2', '-i', '10ms', '-o', 'LSA', '127.0.0.1'])
    expect(stdout).toMatch(/^mtr to 127\.0\.0\.1, udp\n +Host +Loss +Snt +Avg\n 1 +127\.0\.0\.1 +0% +2 +[\d.]+\n$/)
    expect(code).toBe(0)
  })

  it('is also trace --watch', async () => {
    const { stdout } = await netvia(['trace', '--watch', '-n', '-M', 'udp', '127.0.0.1', '-I', 'lo'])
    expect(stdout).toMatch(/^mtr to 127\.0\.0\.1, udp\n.*\n 1 +127\.0\.0\.1 +0% +10 /)
  }, 30_000)

  it.each([
    [['-o', 'LXS'], /it must be letters from LDRSNBAWVM/],
    [['--flows', '2'], /flows must be 1 or left out with method icmp/],
    [['-u', '-T'], /cannot be used with/],
    [['-P', '80'], /port must be left out with method icmp/],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await netvia(['mtr', ...args, '127.0.0.1'])
    expect(stderr).toMatch(message)
    expect(code).toBe(3)
  })
})
