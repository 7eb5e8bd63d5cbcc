/**
 * Milliseconds of the monotonic clock, as `performance.now()` but for its origin: that would load the measuring of user timing,
 * histograms and more (0.7 MB) for the sake of one clock.
 */
export function monotonicNow(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}
