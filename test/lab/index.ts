import { readFileSync } from 'node:fs'
import { capture } from './capture.js'
import { context } from './context.js'
import { addDevice } from './devices.js'
import { dnsmasq } from './dnsmasq.js'
import { fault } from './faults.js'
import { mosquitto, subscribe } from './mosquitto.js'
import { ca, nginx } from './nginx.js'
import { run, start } from './processes.js'
import { redis } from './redis.js'
import { relay } from './relay.js'

export type { Capture } from './capture.js'
export { atEnd } from './cleanup.js'
export type { Host, Uplink } from './context.js'
export { loss } from './faults.js'
export { needs } from './needs.js'
export { type Certificate, httpServer } from './nginx.js'
export type { CapturedPacket } from './pcap.js'
export type { Relay, RelaySettings } from './relay.js'

function counter(device: string, name: string): number {
  return Number(readFileSync(`/sys/class/net/${device}/statistics/${name}`, 'utf8'))
}

/** The laboratory of this test, whose process runs in the router's namespace. See docs/laboratory.md. */
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
  nginx,
  dnsmasq,
  redis,
  mosquitto,
  subscribe,
  capture,
  fault,
  addDevice,
  relay,
  /** The CA of nginx's certificates, in PEM. */
  ca,

  /** The packets that a device of the router has received and sent so far. */
  counters(device: string): { rxPackets: number; txPackets: number } {
    return { rxPackets: counter(device, 'rx_packets'), txPackets: counter(device, 'tx_packets') }
  },
}
