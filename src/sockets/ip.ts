/** The bytes of an address that is one (`isIP`), 4 or 16, a zone left out (RFC 4291 section 2.2). */
export function parseIP(address: string): Uint8Array {
  if (!address.includes(':')) return Uint8Array.from(address.split('.'), Number)
  const [head = '', tail = ''] = address.replace(/%.*/, '').split('::')
  const bytes = new Uint8Array(16)
  const last = groups(tail)
  bytes.set(groups(head))
  bytes.set(last, 16 - last.length)
  return bytes
}

/** Bytes of the groups of an IPv6 address; the last may be an IPv4 address. */
function groups(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap(group => {
    if (group.includes('.')) return group.split('.').map(Number)
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}

/** RFC 5952 text of 16 bytes. */
export function formatIPv6(bytes: Uint8Array): string {
  const ipv4 = mappedIPv4(bytes)
  if (ipv4) return `::ffff:${ipv4}`
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16))
  const text = groups.join(':')
  // The longest run of zeros, two at least, and the first of equal ones.
  let gap = { index: -1, 0: '' }
  for (const run of text.matchAll(/\b0(?::0)+\b/g)) if (run[0].length > gap[0].length) gap = run
  if (gap.index < 0) return text
  return `${text.slice(0, gap.index).replace(/:$/, '')}::${text.slice(gap.index + gap[0].length).replace(/^:/, '')}`
}

/** Text of the IPv4 address that 16 bytes of `::ffff:0:0/96` stand for (RFC 4291 section 2.5.5.2). */
export function mappedIPv4(bytes: Uint8Array): string | undefined {
  const mapped =
    bytes.length === 16 && bytes.subarray(0, 10).every(byte => byte === 0) && bytes[10]! + bytes[11]! === 510
  return mapped ? bytes.subarray(12).join('.') : undefined
}

/**
 * `::ffff:192.0.2.1` is how a dual-stack socket writes an IPv4 peer: the IPv4 address is meant, and it is what goes on the wire
 * (RFC 4038 section 4.2). Any other text comes back as it is.
 */
export function unmapped(address: string): string {
  return looksMapped.test(address) ? (mappedIPv4(parseIP(address)) ?? address) : address
}

const looksMapped = /^[0:]+:ffff:[\da-f.:]+(%|$)/i

/**
 * Meant as an IPv4 address, or as several in the spelling of another tool (`10.0.0.*`, `10.0.0.1-9`). No host is called so: the last
 * part of a name is no number (RFC 3696 section 2).
 */
export function isNumericHost(text: string): boolean {
  return /^(\d+|(?=.*\.)[\d.*,-]+)$/.test(text)
}
