import type { PingResult } from '../../protocols/icmp/result.js'
import { digits } from './output/format.js'
import type { Terminal } from './output/terminal.js'

/** The outcome of one probe as a line, worded as ping does. */
export function outcomeText(result: PingResult, color: Terminal['color']): string {
  const { outcome, from, sequence, ttl, bytes, rttMs, reason, mtu, error } = result
  // From 1, as ping counts.
  const tail = `icmp_seq=${sequence + 1}`
  switch (outcome) {
    case 'reply':
      return `${bytes} bytes from ${from}: ${tail} ttl=${ttl} time=${color.green(digits(rttMs))} ms${queueText(result)}`
    case 'timeout':
      return color.red(`no answer yet for ${tail}`)
    case 'send-failed':
      return color.red(`${tail} not sent: ${error?.message}`)
    case 'too-big':
      return color.yellow(`From ${from}: ${tail} packet too big (mtu ${mtu})`)
    case 'ttl-exceeded':
      return color.yellow(`From ${from}: ${tail} time to live exceeded`)
    case 'unreachable':
      return color.yellow(`From ${from}: ${tail} unreachable (${reason})`)
  }
}

/** The wait in this machine's own queue, if it is a relevant part of the round trip. */
function queueText({ rttMs, queuedMs }: PingResult): string {
  const isNotable = queuedMs !== undefined && queuedMs >= 1 && queuedMs >= rttMs! / 10
  return isNotable ? ` (${digits(queuedMs)} ms of it in the queue here)` : ''
}
