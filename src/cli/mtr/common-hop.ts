import type { HopStatistics, RouteStatistics } from '../../protocols/traceroute/route-statistics.js'

/** The address where routes meet: the first of the first route that all of them pass. */
export function commonHop(routes: readonly RouteStatistics[]): string | undefined {
  const [first, ...others] = routes
  if (!first || others.length === 0) return undefined
  const passes = (hops: readonly HopStatistics[], address: string) => hops.some(hop => hop.address === address)
  return first.hops.find(({ address }) => {
    return address !== undefined && others.every(({ hops }) => passes(hops, address))
  })?.address
}

/** In words: how a route is, and on which side of the hop where it meets the others. */
export function verdict({ hops, reached, error }: RouteStatistics, common: string | undefined): string {
  if (error) return `not sent: ${error.message}`
  const target = hops.at(-1)
  if (!target || target.sent === 0) return 'nothing was sent'
  const answering = hops.findLast(({ received }) => received > 0)
  if (!reached) return answering ? `no answer beyond hop ${answering.ttl} (${answering.address})` : 'no hop answers'
  const from = hops.find(({ lossContinues }) => lossContinues)
  if (!from) return 'no loss on the route'
  const meeting = hops.find(({ address }) => address === common && address !== undefined)
  const side = !meeting ? '' : from.ttl < meeting.ttl ? ', before the common hop' : ', at or after the common hop'
  return `${Math.round(target.lossRatio! * 100)}% loss, from hop ${from.ttl} (${from.address})${side}`
}
