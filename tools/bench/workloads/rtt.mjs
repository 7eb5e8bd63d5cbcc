// The difference between reported RTTs and those on the wire, while the event loop is blocked for 20 of every 50 ms.
import { join } from 'node:path'
import { captureEchoes } from '../lib/capture.mjs'
import { cache } from '../lib/programs.mjs'
import { quantile } from '../lib/statistics.mjs'

export function rtt({ lab, smoke, baseline, driver }) {
  const count = smoke ? 50 : 400
  const interval = 10
  const { address, device, delayMs } = lab.plan.slow
  const arguments_ = [address, count, interval]
  const timesOf = (stdout, pattern) => ({
    items: count,
    rttsMs: [...stdout.matchAll(pattern)].map(([, ms]) => Number(ms)),
  })
  return {
    title: `RTT against the wire: path of ${delayMs} ms, ${count} probes, event loop blocked 20 ms of every 50`,
    around: async run => {
      let wire
      const stop = await captureEchoes(lab.inNear, device, join(cache, 'wire.pcap'))
      const report = await run().finally(async () => {
        wire = await stop()
      })
      const { rttsMs, ...rest } = report
      return { ...rest, ...errors(rttsMs, wire) }
    },
    contestants: [
      { name: 'limit', role: 'limit', command: lab.inNear(baseline('rtt'), ...arguments_) },
      { name: 'netvia', role: 'netvia', command: driver('rtt', ...arguments_) },
      {
        name: 'net-ping',
        role: 'peer',
        needs: ['npm:net-ping'],
        command: driver('net-ping', 'rtt', ...arguments_),
      },
      {
        name: 'iputils ping (no loop to block)',
        role: 'peer',
        needs: ['ping'],
        command: lab.inNear('ping', '-n', '-i', interval / 1000, '-c', count, address),
        read: ({ stdout }) => timesOf(stdout, /time=([\d.]+) ms/g),
      },
      {
        name: 'fping (no loop to block)',
        role: 'peer',
        needs: ['fping'],
        command: lab.inNear('fping', '-q', '-C', count, '-p', interval, '-t', 1000, address),
        read: ({ stderr }) => timesOf(stderr.split(' : ')[1] ?? '', /([\d.]+)/g),
      },
    ],
    columns: [
      { metric: 'medianErrorUs', title: 'error, median', unit: 'µs' },
      { metric: 'p99ErrorUs', title: 'error, p99', unit: 'µs' },
      { metric: 'worstErrorUs', title: 'worst', unit: 'µs' },
      { metric: 'farOffPercent', title: 'off by over 5 ms', unit: '%' },
      { metric: 'lost', title: 'replies lost', unit: '' },
    ],
    chart: { metric: 'p99ErrorUs', unit: 'µs', note: 'p99 of the error of an RTT; less is better' },
    targets: [
      { text: 'median error, µs', metric: 'medianErrorUs', of: 'netvia', atMost: 10 },
      { text: 'p99 of the error, µs', metric: 'p99ErrorUs', of: 'netvia', atMost: 50 },
      { text: 'replies lost', metric: 'lost', of: 'netvia', atMost: 0 },
    ],
  }
}

/** Compares reported with captured RTTs. Both are in the order in which the probes were sent. */
export function errors(told, wire) {
  const pairs = wire.map((ms, index) => [ms, told[index]]).filter(([ms]) => ms !== undefined)
  const differences = pairs.filter(([, ms]) => typeof ms === 'number').map(([ms, mine]) => Math.abs(mine - ms) * 1000)
  return {
    medianErrorUs: quantile(differences, 0.5),
    p99ErrorUs: quantile(differences, 0.99),
    worstErrorUs: quantile(differences, 1),
    farOffPercent: (differences.filter(us => us > 5000).length / differences.length) * 100,
    lost: pairs.length - differences.length,
  }
}
