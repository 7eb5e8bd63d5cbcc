const period = 251
const repeated = Buffer.from(Array.from({ length: 65_536 + period }, (_, i) => i % period))

/** Bytes whose values show their position in the stream. At most 65,536. */
export function pattern(position, length) {
  const start = position % period
  return repeated.subarray(start, start + length)
}
