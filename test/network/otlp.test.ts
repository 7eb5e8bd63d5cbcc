import { describe, expect, test } from 'vitest'
import { lab, needs } from '../lab/index.js'
import { startMonitor } from '../unit/monitor-command.js'
import { following, receiverProgram } from '../unit/otlp-receiver.js'
import { configuration } from './monitored.js'

const port = 4318
const patience = { timeout: 60_000, interval: 100 }

/** A collector on the internet host. It decodes with OpenTelemetry's own code. */
async function collector() {
  const child = lab.spawn('internet', process.execPath, receiverProgram, lab.server.address4, String(port))
  const receiver = following(child)
  await receiver.port
  return receiver
}

async function pushing(interval: string, more = '') {
  const receiver = await collector()
  const otlp = `otlp: { url: 'http://${lab.server.address4}:${port}', interval: ${interval}, timeout: 1s${more} }\n`
  const monitor = startMonitor(otlp + configuration, ['--json'])
  for (const uplink of ['fibre', 'lte']) {
    await monitor.says(new RegExp(`"event":"state","uplink":"${uplink}","from":"unknown","to":"up"`))
  }
  const metrics = () => receiver.accepted('metrics')
  const times = () => metrics().map(({ points }) => points.find(({ kind }) => kind === 'gauge')!.at)
  await expect.poll(() => metrics().length, patience).toBeGreaterThan(2)
  return { receiver, monitor, metrics, times }
}

/** Drops all packets to the internet host at this provider. */
const cutOff = (provider: 'isp1' | 'isp2') => lab.fault(provider, `ip daddr ${lab.server.address4} drop`)

const longestGap = (times: number[]) => Math.max(...times.slice(1).map((time, index) => time - times[index]!))

describe('netvia monitor --otlp', () => {
  test('goes through wan2 when wan1 is dead, and loses no point', async () => {
    needs('tcpdump')
    const { receiver, monitor, metrics, times } = await pushing('200ms')
    expect(metrics().at(-1)!.from).toBe(lab.wan1.address4)
    cutOff('isp1')
    await monitor.says(/"uplink":"fibre","from":"up","to":"down"/)
    await expect.poll(() => metrics().at(-1)!.from, patience).toBe(lab.wan2.address4)
    const filter = `tcp port ${port}`
    const captures = await Promise.all([
      lab.capture('wan1', `${filter} and tcp[13] & 8 != 0`),
      lab.capture('wan2', filter),
    ])
    const before = metrics().length
    await expect.poll(() => metrics().length, patience).toBeGreaterThan(before + 10)
    const [dead, working] = await Promise.all(captures.map(capture => capture.stop()))
    console.log(`packets with the collector: ${dead!.length} on wan1 (dead), ${working!.length} on wan2`)
    expect(working!.length).toBeGreaterThan(20)
    // At most the kernel's retransmissions of an interrupted request.
    expect(dead!.length).toBeLessThan(5)
    // Points may be late on a busy machine, but those from before wan1's death was detected must not be missing.
    expect(longestGap(times())).toBeLessThan(2500)
    const records = receiver.accepted('logs').flatMap(({ records }) => records)
    expect(records.find(({ attributes }) => attributes['netvia.uplink.state'] === 'down')).toMatchObject({
      eventName: 'netvia.uplink.state_change',
      attributes: { 'netvia.uplink.name': 'fibre', 'network.interface.name': 'wan1' },
    })
    expect(monitor.said()).not.toContain('"state":"dropping"')
  }, 120_000)

  test('loses no point in an outage of all uplinks, and delivers them in order', async () => {
    const { receiver, monitor, metrics, times } = await pushing('200ms')
    const heal = [cutOff('isp1'), cutOff('isp2')]
    await monitor.says(/"uplink":"lte","from":"up","to":"down"/)
    await monitor.says(/"event":"push","signal":"metrics","state":"failing"/)
    await new Promise(resolve => setTimeout(resolve, 5000))
    const during = metrics().length
    // On a busy machine pushes may also have failed, and been delivered, before the outage.
    const healed = monitor.said().length
    for (const end of heal) end()
    await monitor.says(/"event":"push","signal":"metrics","state":"delivered","waiting":0,"lost":0/, healed)
    expect(metrics().length).toBeGreaterThan(during + 20)
    expect(times()).toEqual(times().toSorted((a, b) => a - b))
    // The outage lasted longer, so none of its points were lost.
    expect(longestGap(times())).toBeLessThan(5000)
    // Each point has the state of its own time, so some show that the uplinks were down.
    const isDown = ({ points }: { points: { name: string; value: number; attributes: object }[] }) =>
      points.some(
        ({ name, value, attributes }) =>
          name === 'netvia.uplink.state' &&
          value === 1 &&
          JSON.stringify(attributes).includes('"netvia.uplink.name":"lte"') &&
          JSON.stringify(attributes).includes('"netvia.uplink.state":"down"'),
      )
    expect(metrics().filter(isDown).length).toBeGreaterThan(15)
    const errors = () =>
      receiver
        .accepted('logs')
        .flatMap(({ records }) => records)
        .filter(({ severityText }) => severityText === 'ERROR')
    const named = () => [...new Set(errors().map(({ attributes }) => attributes['netvia.uplink.name']))].sort()
    await expect.poll(named, patience).toEqual(['fibre', 'lte'])
  }, 120_000)

  test('keeps the newest points up to the bound, and counts those beyond it', async () => {
    const { monitor, metrics } = await pushing('100ms', ', maxPoints: 1000')
    const heal = [cutOff('isp1'), cutOff('isp2')]
    await monitor.says(/"event":"push","signal":"metrics","state":"dropping"/)
    await new Promise(resolve => setTimeout(resolve, 2000))
    const during = metrics().length
    for (const end of heal) end()
    const [, lost] = await monitor.says(
      /"event":"push","signal":"metrics","state":"delivered","waiting":0,"lost":([1-9]\d*)/,
    )
    const reported = () =>
      metrics()
        .at(-1)!
        .points.find(
          ({ name, attributes }) => name === 'netvia.otlp.lost' && attributes['netvia.otlp.signal'] === 'metrics',
        )?.value
    await expect.poll(reported, patience).toBe(Number(lost))
    // A thousand points are 21 pushes, at least 0.1 s apart.
    const [oldest] = metrics().slice(during)
    console.log(
      `${lost} points were lost; the oldest that was kept waited ${oldest!.receivedAt - oldest!.points[0]!.at} ms`,
    )
    expect(oldest!.receivedAt - oldest!.points[0]!.at).toBeGreaterThan(1500)
  }, 120_000)
})
