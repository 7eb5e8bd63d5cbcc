import { nodeCrypto } from '../builtins.js'
import { addon } from './addon.js'

/**
 * Fills `out` with random bytes from the kernel (getrandom(2)). It falls back to node:crypto only without the addon: loading
 * node:crypto takes as long, and as much memory, as everything else a ping needs.
 */
export function fillRandomly(out: ArrayBufferView): void {
  const bytes = new Uint8Array(out.buffer, out.byteOffset, out.byteLength)
  if (randomBytes(bytes) !== bytes.length) nodeCrypto().randomFillSync(bytes)
}

/** Returns the number of bytes filled: a negative errno on failure, 0 where no addon loads. */
function randomBytes(out: Uint8Array): number {
  try {
    return addon().random(out)
  } catch {
    return 0
  }
}

/** Drawn together, because a call of the kernel costs as much as many numbers. */
const numbers = new Uint16Array(256)
let left = 0

/** A random integer, 0-65535. */
export function random16(): number {
  if (left === 0) {
    fillRandomly(numbers)
    left = numbers.length
  }
  return numbers[--left]!
}
