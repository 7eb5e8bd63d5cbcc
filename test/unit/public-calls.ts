import { onTestFinished } from 'vitest'
import * as entry from '../../src/index.js'
import * as undiciEntry from '../../src/undici.js'

// Calls with wrong options are refused before anything is sent. All targets are on loopback, in case they aren't.
export const host = '127.0.0.1'
export const port = 9
export const uplink = { name: 'one', device: 'lo', checks: [{ type: 'tcp', host, port }] }
const monitor = () => new entry.UplinkMonitor({ uplinks: [uplink] } as entry.MonitorOptions)

function group(): entry.UplinkGroup {
  const made = new entry.UplinkGroup(monitor(), { policy: 'failover' })
  onTestFinished(() => void made.httpAgent.destroy())
  return made
}

/** Options as an untyped program may pass them. */
export type Given = Record<string, unknown>
export const as = <Options>(options: Given) => options as unknown as Options
type First<Call extends (...args: never[]) => unknown> = Parameters<Call>[0]
type Second<Call extends (...args: never[]) => unknown> = Parameters<Call>[1]

/** Adds the required options to the given object, without copying or reading it. */
function having(needed: Given, options: Given): Given {
  for (const [key, value] of Object.entries(needed)) if (!(key in options)) options[key] = value
  return options
}

/** Every public call that takes options, with its other arguments. */
export const calls: Record<string, (options: Given) => unknown> = {
  checkDns: options => entry.checkDns('localhost', as(options)),
  checkHttp: options => entry.checkHttp(`http://${host}:${port}/`, as(options)),
  checkPing: options => entry.checkPing(host, as(options)),
  checkTcp: options => entry.checkTcp(as(having({ host, port }, options))),
  connect: options => entry.connect(as(having({ host, port }, options))),
  connectTls: options => entry.connectTls(as(having({ host, port }, options))),
  createDispatcher: options => undiciEntry.createDispatcher(as(options)),
  createLookup: options => entry.createLookup(as(options)),
  device: options => entry.device('lo', as(options)),
  deviceAddress: options => entry.deviceAddress('lo', 4, as(options)),
  devices: options => entry.devices(as(options)),
  discoverNat: options => entry.discoverNat(host, as(having({ timeout: 50 }, options))),
  fetch: options => undiciEntry.fetch(`http://${host}:${port}/`, as(options)),
  HttpAgent: options => new entry.HttpAgent(as(options)),
  HttpsAgent: options => new entry.HttpsAgent(as(options)),
  // Without name servers it would use the system's.
  inspectLine: options => entry.inspectLine(as(having({ servers: [host], timeout: 50 }, options))),
  listen: options => entry.listen(as(having({ port: 0, host }, options))),
  listenProxy: options => entry.listenProxy(as(having({ port: 0 }, options))),
  measureRate: options => entry.measureRate(host, as(having({ token: 'x'.repeat(16), timeout: 50 }, options))),
  neighbours: options => entry.neighbours(as(options)),
  openIcmp: options => entry.openIcmp(as(having({ family: 4 }, options))),
  openUdpPackets: options => entry.openUdpPackets(as(having({ host }, options))),
  openUdp: options => entry.openUdp(as(having({ host }, options))),
  pathMtu: options => entry.pathMtu(host, as(options)),
  ping: options => entry.ping(host, as(options)),
  pings: options => entry.pings(host, as(options)),
  resolve: options => entry.resolve('localhost', as<Second<typeof entry.resolve>>(options)!),
  scanPorts: options => entry.scanPorts(host, as(options)),
  serveLine: options => entry.serveLine(as(having({ hosts: [host], port: 0 }, options))),
  sweep: options => entry.sweep(host, as(options)),
  sweepPorts: options => entry.sweepPorts(host, as(options)),
  traceroute: options => entry.traceroute(host, as(options)),
  traceroutes: options => entry.traceroutes(host, as(options)),
  UplinkGroup: options => new entry.UplinkGroup(monitor(), as(having({ policy: 'failover' }, options))),
  'UplinkGroup.connect': options => group().connect(as(having({ host, port }, options))),
  'UplinkGroup.fetch': options => group().fetch(`http://${host}:${port}/`, as(options)),
  'UplinkGroup.resolve': options => group().resolve('localhost', as(options)),
  UplinkMonitor: options => new entry.UplinkMonitor(as(having({ uplinks: [uplink] }, options))),
  events: options => monitor().events(as(options)),
  UplinkRouting: options => new entry.UplinkRouting(monitor(), as(options)),
  via: options => entry.via(as<First<typeof entry.via>>(options)),
  watchDevices: options => entry.watchDevices(as(options)),
}

const optionsFirst: Record<string, Given> = {
  checkTcp: { host, port },
  connect: { host, port },
  connectTls: { host, port },
  createLookup: {},
  inspectLine: { servers: [host], timeout: 50 },
  serveLine: { hosts: [host], port: 0 },
  listen: { host, port: 0 },
  openIcmp: { family: 4 },
  openUdp: { host },
  openUdpPackets: { host },
}

/** The required options of calls. */
const neededBeside: Record<string, Given> = { measureRate: { token: 'x'.repeat(16), timeout: 50 } }

/** The same calls on a path. */
for (const [name, call] of Object.entries(entry.via('lo')) as [string, (...args: unknown[]) => unknown][]) {
  if (name === 'path') continue
  const url = name === 'checkHttp' ? `http://${host}:${port}/` : name === 'resolve' ? 'localhost' : host
  if (name === 'HttpAgent' || name === 'HttpsAgent')
    calls[`via.${name}`] = options => Reflect.construct(call, [options])
  else if (optionsFirst[name]) calls[`via.${name}`] = options => call(having(optionsFirst[name]!, options))
  else calls[`via.${name}`] = options => call(url, having(neededBeside[name] ?? {}, options))
}
