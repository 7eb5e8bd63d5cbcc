import { describe, expect, it } from 'vitest'

// The bench is plain JavaScript, which the type check doesn't cover.
const bench = (module: string) => import(new URL(`../../tools/bench/${module}`, import.meta.url).href)
const { judge, median, quantile, summarize } = await bench('lib/statistics.mjs')
const { format, table } = await bench('lib/table.mjs')
const { barChart } = await bench('lib/chart.mjs')
const { echoTimes } = await bench('lib/capture.mjs')
const { chart, gist, markdown } = await bench('lib/report.mjs')
const { replaceBetween } = await bench('lib/publish.mjs')
const { numbers, ownReport } = await bench('lib/measure.mjs')
const { plan, verdictOf } = await bench('lib/lab.mjs')
const { addressAfter } = await bench('drivers/common.mjs')
const { errors } = await bench('workloads/rtt.mjs')
const { workloads } = await bench('workloads/index.mjs')

describe('statistics', () => {
  it('interpolates quantiles, and does not change its argument', () => {
    const values = [4, 1, 3, 2]
    expect(median(values)).toBe(2.5)
    expect(quantile(values, 0)).toBe(1)
    expect(quantile(values, 1)).toBe(4)
    expect(quantile([1, 2, 3, 4, 5], 0.9)).toBeCloseTo(4.6)
    expect(values).toEqual([4, 1, 3, 2])
    expect(median([])).toBeUndefined()
  })

  const rounds = [
    { ours: { rate: 90, wrong: 0 }, limit: { rate: 100 } },
    { ours: { rate: 40, wrong: 0 }, limit: { rate: 50 } },
    { ours: { rate: 300, wrong: 1 }, limit: { rate: 300 } },
  ]

  it('computes ratios within each round, not between medians', () => {
    const result = judge({ metric: 'rate', of: 'ours', over: 'limit', atLeast: 0.85 }, rounds)
    expect(result).toEqual({ median: 0.9, min: 0.8, max: 1, rounds: 3, met: true })
    expect(judge({ metric: 'rate', of: 'ours', over: 'limit', atLeast: 0.95 }, rounds).met).toBe(false)
  })

  it('computes differences and plain values', () => {
    const difference = { metric: 'rate', of: 'ours', over: 'limit', compare: 'difference', atMost: -5 }
    expect(judge(difference, rounds)).toMatchObject({ median: -10, met: true })
    expect(judge({ metric: 'wrong', of: 'ours', atMost: 0 }, rounds)).toMatchObject({ median: 0, max: 1, met: true })
  })

  it('has no result for a target that was not measured, and skips rounds that lack one side', () => {
    expect(judge({ metric: 'rate', of: 'absent', over: 'limit', atLeast: 1 }, rounds)).toBeUndefined()
    const broken = [...rounds, { limit: { rate: 1 } }, { ours: { rate: 1 } }]
    expect(judge({ metric: 'rate', of: 'ours', over: 'limit', atLeast: 0 }, broken).rounds).toBe(3)
  })

  it('summarizes each figure of each contestant', () => {
    const { ours } = summarize(rounds)
    expect(ours.rate).toEqual({ median: 90, min: 40, max: 300, rounds: 3 })
    expect(ours.wrong.max).toBe(1)
  })
})

describe('a run', () => {
  it("returns rate and CPU per item, by the program's own clock if it has one", () => {
    const cost = { wallSeconds: 3, processCpuSeconds: 2, memoryMb: 50 }
    expect(numbers({ items: 1000, seconds: 2, cpuSeconds: 0.01 }, cost)).toMatchObject({ rate: 500, cpuPerItemUs: 10 })
    expect(numbers({ items: 300 }, cost)).toMatchObject({ rate: 100, memoryMb: 50 })
    expect(numbers({ items: 0 }, cost)).not.toHaveProperty('rate')
  })

  it('is read from the last line, and fails with another exit code', () => {
    expect(ownReport({ stdout: 'hello\n{"items":1}\n', stderr: '', code: 0 })).toEqual({ items: 1 })
    expect(() => ownReport({ stdout: '{"items":1}\n', stderr: 'broken', code: 1 })).toThrow('exit code 1: broken')
    expect(() => ownReport({ stdout: '', stderr: '', code: 0 })).toThrow('exit code 0')
  })

  it('shows the line with the reason for a failure', () => {
    const reason = 'exit code 1: file:///x.mjs:3\n  code\n  ^\nTypeError: no such thing\n    at y\n\nNode.js v20.0.0'
    expect(gist(reason)).toBe('TypeError: no such thing')
    expect(gist('not done after 5 s')).toBe('not done after 5 s')
  })
})

describe('report', () => {
  it('writes numbers with three significant digits', () => {
    expect([0, 0.123, 12.34, 123.4].map(value => format(value))).toEqual(['0.00', '0.12', '12.3', '123'])
    expect([217_345, 950].map(value => format(value, '/s'))).toEqual(['217k/s', '950/s'])
    expect(format(undefined, 'ms')).toBe('–')
  })

  it('aligns tables', () => {
    expect(table(['', 'rate'], [['netvia', '5/s']])).toBe('|        | rate |\n|--------|------|\n| netvia | 5/s  |')
  })

  const result = {
    title: 'A <work>',
    rounds: 3,
    contestants: [
      { name: 'limit', role: 'limit' },
      { name: 'netvia', role: 'netvia' },
      { name: 'fping', role: 'peer' },
    ],
    columns: [{ metric: 'rate', title: 'hosts', unit: '/s' }],
    chart: { metric: 'rate', unit: '/s', note: 'more is better' },
    summaries: {
      limit: { rate: { median: 200, min: 190, max: 210 } },
      netvia: { rate: { median: 150, min: 150, max: 150 } },
    },
    targets: [
      {
        text: 'rate',
        of: 'netvia',
        over: 'limit',
        wanted: '≥ 0.85',
        measured: { median: 0.75, min: 0.7, max: 0.8, met: false },
      },
      { text: 'never run', of: 'netvia', wanted: '≤ 1', measured: undefined },
    ],
    absent: { fping: 'fping is not installed' },
    failures: [{ name: 'netvia', round: 2, reason: 'it broke' }],
  }

  it('names what was missed, what was absent and what failed', () => {
    const text = markdown(result)
    expect(text).toMatch(/\| netvia +\| 150\/s +\|/)
    expect(text).toMatch(/\| limit +\| 200\/s \(190–210\) \|/)
    expect(text).toMatch(/\| rate \(limit\) \| netvia \| ≥ 0.85 \| 0.75 \(0.70–0.80\) \| missed +\|/)
    expect(text).toMatch(/\| never run .*\| not measured \|/)
    expect(text).toContain('- Not there: fping: fping is not installed.')
    expect(text).toContain('- Failed: netvia, round 2: it broke')
  })

  it('draws a bar for each measured contestant, to one scale, and escapes text', () => {
    const svg = chart(result)
    expect(svg).toContain('A &lt;work&gt;')
    const bars = [...svg.matchAll(/<rect class="(\w+)" .*width="([\d.]+)"/g)].map(([, role, width]) => [
      role,
      Number(width),
    ])
    expect(bars.map(([role]) => role)).toEqual(['limit', 'netvia'])
    expect((bars[1]![1]! as number) / (bars[0]![1]! as number)).toBeCloseTo(0.75, 2)
    expect(chart({ ...result, summaries: {} })).toBeUndefined()
  })

  it('draws all zeros without dividing by zero', () => {
    const bars = [{ name: 'a', role: 'peer', median: 0, min: 0, max: 0 }]
    expect(barChart({ title: '', note: '', unit: '', bars })).not.toContain('NaN')
  })

  it('replaces only the text between the marks', () => {
    const page = 'before\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter\n'
    expect(replaceBetween(page, 'new')).toBe('before\n<!-- bench: begin -->\nnew\n<!-- bench: end -->\nafter\n')
    expect(() => replaceBetween('no marks', 'new')).toThrow('was not found')
  })
})

describe('RTT against the wire', () => {
  it('reads the request and reply of each echo from a capture', () => {
    const icmp = (type: number, sequence: number, options = 0) => {
      const packet = new Uint8Array(14 + 20 + options + 8)
      packet[14] = 0x45 + options / 4
      packet.set([type, 0, 0, 0, 0x12, 0x34, 0, sequence], 34 + options)
      return packet
    }
    const capture = pcap([
      [1, 0, icmp(8, 1)],
      [1, 5_000_000, icmp(8, 2)],
      [1, 10_500_000, icmp(0, 1, 4)],
      // A duplicate, and a reply without a request.
      [1, 11_000_000, icmp(0, 1)],
      [1, 12_000_000, icmp(0, 9)],
      [2, 0, icmp(8, 3)],
      [2, 9_000_000, icmp(0, 3)],
    ])
    const times = echoTimes(capture)
    expect(times).toHaveLength(3)
    expect(times[0]).toBeCloseTo(10.5, 6)
    expect(times[1]).toBeUndefined()
    expect(times[2]).toBeCloseTo(9, 6)
    expect(() => echoTimes(new Uint8Array(24))).toThrow('not a capture file')
  })

  it('counts a probe as lost only if the wire had its reply', () => {
    expect(errors([10.01, null, null], [10, undefined, 10])).toMatchObject({ lost: 1, farOffPercent: 0 })
    const far = errors([10.001, 16, 10.002, 10.003], [10, 10, 10, 10])
    expect(far.farOffPercent).toBe(25)
    expect(far.worstErrorUs).toBeCloseTo(6000)
    expect(far.medianErrorUs).toBeCloseTo(2.5)
  })

  function pcap(packets: [number, number, Uint8Array][]): Uint8Array {
    const bytes = Buffer.alloc(24 + packets.reduce((sum, [, , data]) => sum + 16 + data.length, 0))
    bytes.writeUInt32LE(0xa1b23c4d, 0)
    let at = 24
    for (const [seconds, nanoseconds, data] of packets) {
      for (const [index, value] of [seconds, nanoseconds, data.length, data.length].entries()) {
        bytes.writeUInt32LE(value, at + 4 * index)
      }
      bytes.set(data, at + 16)
      at += 16 + data.length
    }
    return bytes
  }
})

describe('workloads', () => {
  it('knows the mixed block: a quarter silent, a twentieth rejected', () => {
    const counts: Record<string, number> = {}
    for (let byte = 0; byte < 256; byte++) counts[verdictOf(byte)] = (counts[verdictOf(byte)] ?? 0) + 1
    expect(counts).toEqual({ reply: 179, timeout: 64, unreachable: 13 })
  })

  it('counts addresses across byte boundaries', () => {
    expect(addressAfter('10.64.0.1', 65_533)).toBe('10.64.255.254')
    expect(addressAfter('10.64.0.0', 1_000_000)).toBe('10.79.66.64')
    expect(addressAfter('203.0.113.255', 1)).toBe('203.0.114.0')
  })

  const setup = (smoke: boolean) => ({
    lab: {
      plan,
      inNear: (...command: unknown[]) => command,
      inFar: (...command: unknown[]) => command,
      atPlace: (_: number, command: unknown[]) => command,
    },
    smoke,
    baseline: (name: string) => name,
    go: (name: string) => name,
    driver: (...command: unknown[]) => command,
  })

  it.each(Object.keys(workloads))('%s: names are unique, and targets name existing contestants', name => {
    for (const smoke of [true, false]) {
      const { contestants, targets, columns } = workloads[name](setup(smoke))
      const names: string[] = contestants.map((one: { name: string }) => one.name)
      expect(new Set(names).size).toBe(names.length)
      for (const { of, over, atLeast, atMost } of targets) {
        expect(names).toContain(of)
        if (over !== undefined) expect(names).toContain(over)
        expect([atLeast, atMost].filter(Number.isFinite)).toHaveLength(1)
      }
      expect(columns.length).toBeGreaterThan(0)
    }
  })
})
