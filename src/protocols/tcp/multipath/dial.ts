import { errorAt, invalidArgument, NetviaError } from '../../../errors.js'
import type { Signal } from '../../../runtime/cancel.js'
import { Staggered } from '../../../runtime/staggered.js'
import { asPathManager } from '../../../system/multipath/path-manager.js'
import { multipathToken } from '../../../system/multipath/subflows.js'
import { connectObstacle, multipathProtocol, multipathUnavailable } from '../../../system/multipath/support.js'
import type { StartConnecting } from '../../connect-descriptor.js'
import { openConnecting } from '../../connecting.js'
import { raceFailure } from '../connect-errors.js'
import {
  type Connected,
  type ConnectOptions,
  close,
  type Dialed,
  dial,
  dialDescriptor,
  dialInTime,
  type Timings,
  toSocket,
} from '../dial.js'
import { type Progress, withinTimeLimit } from '../time-limit.js'
import type { MultipathDevice, MultipathOptions } from './options.js'
import { keepSubflows } from './subflow-keeper.js'

type Path = Required<MultipathDevice>

/** `dial`, over several devices if `multipath` names some. */
export function dialPaths(
  options: ConnectOptions & MultipathOptions,
  signal: Signal,
  progress: Progress,
  refuse?: (address: string) => void,
): Promise<Dialed> {
  const { multipath, multipathFallback, ...rest } = options
  if (multipath === undefined) {
    if (multipathFallback === undefined) return dial(rest, signal, progress, refuse)
    throw errorAt(
      'multipathFallback',
      invalidArgument('multipathFallback', multipathFallback, 'left out without multipath'),
    )
  }
  for (const key of ['device', 'localAddress'] as const) {
    if (rest[key] !== undefined) throw errorAt(key, invalidArgument(key, rest[key], 'left out with multipath'))
  }
  return dialMultipath(rest, multipath as readonly Path[], multipathFallback, signal, progress, refuse)
}

/** The same within the `timeout` and the `signal` of the options. */
export function dialPathsInTime(options: ConnectOptions & MultipathOptions): Promise<Dialed> {
  if (options.multipath === undefined && options.multipathFallback === undefined) return dialInTime(options)
  return withinTimeLimit(options, (signal, progress) => dialPaths(options, signal, progress))
}

/**
 * Connects through the first device, after `attemptDelay` through the next one too, and so on. The first one that connects
 * carries the first subflow; the others join it.
 */
async function dialMultipath(
  options: ConnectOptions,
  devices: readonly Path[],
  fallback: MultipathOptions['multipathFallback'],
  signal: Signal,
  progress: Progress,
  refuse?: (address: string) => void,
): Promise<Dialed> {
  const obstacle = connectObstacle()
  if (obstacle && fallback !== 'always') {
    throw multipathUnavailable('connect', obstacle, "multipathFallback: 'always' connects by plain TCP instead")
  }
  const start = obstacle ? undefined : startMultipath
  const waiting = [...devices].sort((a, b) => Number(a.backup) - Number(b.backup))
  const race = new Staggered<Path, Connected & Timings & { item: Path }>(
    {
      next: () => waiting.shift(),
      mayGrow: () => waiting.length > 0,
      delay: () => options.attemptDelay ?? 250,
      failure: raceFailure,
      discard: late => close(late),
      attempt: async (item, signal) => {
        const { device } = item
        return { item, ...(await dialDescriptor({ ...options, device }, signal, progress, refuse, start)) }
      },
    },
    signal,
  )
  race.advance()
  const { item, ...connected } = await race.result
  const { device } = item
  const token = multipathToken(connected.fd)
  if (token === undefined && fallback === 'never') {
    close(connected)
    throw plainServer(connected.address, options.port, device)
  }
  const dialed = toSocket(connected, { ...options, device })
  try {
    if (token !== undefined) keepSubflows(dialed.socket, token, devices, options.mark)
  } catch (error) {
    dialed.socket.destroy()
    throw error
  }
  return dialed
}

const startMultipath: StartConnecting = (address, port, path, options) =>
  asPathManager(() => openConnecting(address, port, path, options, multipathProtocol))

function plainServer(address: string, port: number, device: string): NetviaError {
  const hint = "multipathFallback: 'server' accepts plain TCP"
  return new NetviaError(`connect: ${address} does not speak Multipath TCP; ${hint}`, {
    ...{ code: 'ERR_MULTIPATH_FALLBACK', address, port, device, hint },
  })
}
