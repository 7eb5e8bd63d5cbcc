import { stringify } from 'yaml'
import { deviceName, longestTimer } from '../../options.js'
import type { Signal } from '../../runtime/cancel.js'
import type { Module } from './config/modules.js'
import type { Configuration } from './config/read.js'
import { exposition } from './metrics.js'
import { runProbe } from './run-probe.js'

/** An error that refuses a scrape, with its reason. */
export class Refused extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export interface Scrape {
  parameters: URLSearchParams
  /** `X-Prometheus-Scrape-Timeout-Seconds`. */
  timeoutHeader: string | undefined
  /** In milliseconds, subtracted from that timeout. */
  timeoutOffset: number
  userAgent: string
  /** Fires when the client has disconnected. */
  signal: Signal
}

const defaultModule = 'http_2xx'
/** Maximum devices in a request. Each is a probe of its own, and a header has room for thousands. */
const maxDevices = 64

export class UnknownModule extends Refused {}

/** Returns the text for one request of `/probe`, with one concurrent probe for each device. */
export async function scrape({ modules, written }: Configuration, request: Scrape): Promise<string> {
  const { parameters, userAgent, signal } = request
  const moduleName = parameters.get('module') || defaultModule
  const module = modules.get(moduleName)
  if (!module) throw new UnknownModule(400, `Unknown module ${JSON.stringify(moduleName)}`)
  const target = parameters.get('target')
  if (!target) throw new Refused(400, 'Target parameter is missing')
  const timeout = timeoutOf(module, request)
  const hostname = parameters.get('hostname') || undefined
  const paths = devicesOf(module, parameters)
  const probes = await Promise.all(
    paths.map(device => runProbe({ target, moduleName, module, device, hostname, timeout, userAgent, signal })),
  )
  const metrics = exposition(probes.map(({ metrics }) => metrics))
  if (parameters.get('debug') !== 'true') return metrics
  return [
    'Logs for the probe:',
    ...probes.flatMap(({ log }) => log.lines()),
    '\n\n\nMetrics that would have been returned:',
    metrics,
    '\n\nModule configuration:',
    stringify(written.get(moduleName)),
  ].join('\n')
}

/** The devices in the request take precedence over those of the module. Without any, the routing table chooses. */
function devicesOf({ device = [] }: Module, parameters: URLSearchParams): (string | undefined)[] {
  const asked = parameters.getAll('device').filter(name => name !== '')
  if (asked.length > maxDevices) throw new Refused(400, `more than ${maxDevices} devices in a request`)
  for (const name of asked) {
    try {
      deviceName(name, 'device')
    } catch (error) {
      throw new Refused(400, (error as Error).message)
    }
  }
  const devices = asked.length > 0 ? asked : device
  return devices.length === 0 ? [undefined] : [...new Set(devices)]
}

/** The shorter timeout of module and scrape, in milliseconds. Without any it is two minutes. */
export function timeoutOf({ timeout = 0 }: Module, { timeoutHeader, timeoutOffset }: Scrape): number {
  const asked = timeoutHeader === undefined || timeoutHeader === '' ? 0 : Number(timeoutHeader) * 1000
  if (Number.isNaN(asked)) throw new Refused(500, `Failed to parse timeout from Prometheus header: ${timeoutHeader}`)
  const longest = Math.min((asked || 120_000) - timeoutOffset, longestTimer)
  // As in blackbox_exporter: a scrape with no time left uses the module's timeout.
  return (timeout > 0 && timeout < longest) || longest < 0 ? timeout : longest
}
