// Parses the output of fping. Its exit code is 1 if any host didn't reply.

/** The number of hosts that fping reports alive, one per line. */
export function aliveOf({ stdout, stderr, code }) {
  if (code > 1) throw new Error(`fping exited with code ${code}: ${stderr.slice(0, 500)}`)
  return stdout.split('\n').filter(Boolean).length
}
