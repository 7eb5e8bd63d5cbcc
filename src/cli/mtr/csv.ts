import type { RouteStatistics } from '../../protocols/traceroute/route-statistics.js'
import { csvLine } from '../shared/output/csv.js'

export const csvHeading =
  'device,host,hop,address,name,sent,unsent,received,lossRatio,lossContinues,lastMs,avgMs,bestMs,worstMs,stddevMs,jitterMs'

/** One line for each hop (RFC 4180). Unknown values are empty. */
export function csvLines(device: string | undefined, { host, hops }: RouteStatistics): string[] {
  return hops.map(hop => {
    const { ttl, address, name, sent, unsent, received, lossRatio, lossContinues } = hop
    const { lastMs, avgMs, bestMs, worstMs, stddevMs, jitterMs } = hop
    return csvLine([
      ...[device, host, ttl, address, name, sent, unsent, received, lossRatio && Number(lossRatio.toFixed(4))],
      lossContinues,
      ...[lastMs, avgMs, bestMs, worstMs, stddevMs, jitterMs].map(time => time?.toFixed(3)),
    ])
  })
}
