import { readFileSync } from 'node:fs'
import { context } from './context.js'
import { run, start } from './processes.js'

export { atEnd } from './cleanup.js'
export type { Host, Uplink } from './context.js'
export { needs } from './needs.js'

function counter(device: string, name: string): number {
  return Number(readFileSync(`/sys/class/net/${device}/statistics/${name}`, 'utf8'))
}

/** The laboratory this test runs in: its process is already in the router's namespace. See docs/laboratory.md. */
export const lab = {
  wan1: context.wan1,
  wan2: context.wan2,
  server: context.server,
  slow: context.slow,
  crowd: context.crowd,
  folder: context.folder,
  names: context.names,
  run,
  spawn: start,

  /** Packets a device of the router has moved so far. */
  counters(device: string): { rxPackets: number; txPackets: number } {
    return { rxPackets: counter(device, 'rx_packets'), txPackets: counter(device, 'tx_packets') }
  },
}
