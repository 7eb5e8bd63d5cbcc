import { createHash, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

/** A UUID that stays the same for this configuration on this machine, where the machine has an ID (machine-id(5)). */
export function instanceId(configuration: string): string {
  const machine = machineId()
  if (machine === undefined) return randomUUID()
  // The ID itself is confidential.
  const bytes = createHash('sha256')
    .update(`netvia\0${machine}\0${resolve(configuration)}`)
    .digest()
    .subarray(0, 16)
  // RFC 9562: version 8 is for custom schemes.
  bytes[6] = (bytes[6]! & 0x0f) | 0x80
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

function machineId(): string | undefined {
  try {
    const id = readFileSync('/etc/machine-id', 'utf8').trim()
    return /^[0-9a-f]{32}$/.test(id) ? id : undefined
  } catch {
    return undefined
  }
}
