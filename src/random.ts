import { closeSync, openSync, readSync } from 'node:fs'
import { nodeCrypto } from './builtins.js'

/**
 * Fills `out` with random bytes of the kernel (random(4)). Not by node:crypto where that can be helped: loading it takes as long and
 * as much memory as all that a ping needs of netvia.
 */
export function fillRandomly(out: NodeJS.ArrayBufferView): void {
  try {
    const fd = openSync('/dev/urandom', 'r')
    try {
      if (readSync(fd, out) === out.byteLength) return
    } finally {
      closeSync(fd)
    }
  } catch {
    // No such device: a bare chroot.
  }
  nodeCrypto().randomFillSync(out)
}

/** 0-65535. */
export function random16(): number {
  const random = new Uint16Array(1)
  fillRandomly(random)
  return random[0]!
}
