// What fping prints. Its exit code is 1 where any host was silent.

/** Hosts it calls alive, one a line. */
export function aliveOf({ stdout, stderr, code }) {
  if (code > 1) throw new Error(`fping ended with ${code}: ${stderr.slice(0, 500)}`)
  return stdout.split('\n').filter(Boolean).length
}
