import { nodeCrypto } from '../builtins.js'
import { addon } from './addon.js'

/**
 * Fills `out` with random bytes of the kernel (getrandom(2)). Not by node:crypto where that can be helped: loading it takes as long and
 * as much memory as all that a ping needs of netvia.
 */
export function fillRandomly(out: ArrayBufferView): void {
  const bytes = new Uint8Array(out.buffer, out.byteOffset, out.byteLength)
  if (randomBytes(bytes) !== bytes.length) nodeCrypto().randomFillSync(bytes)
}

/** How many bytes were filled; an errno below zero, or 0 where no addon loads. */
function randomBytes(out: Uint8Array): number {
  try {
    return addon().random(out)
  } catch {
    return 0
  }
}

/** 0-65535. */
export function random16(): number {
  const random = new Uint16Array(1)
  fillRandomly(random)
  return random[0]!
}
