import {
  type CommonOptions,
  checkOptions,
  commonSchema,
  integer,
  milliseconds,
  number,
  oneOf,
  type Schema,
  string,
} from '../options.js'
import { type PortList, parsePorts, portList } from './port-list.js'
import { PortScan, scanDefaults } from './port-scan.js'

export interface ScanOptions extends CommonOptions {
  /** `'22,80,8000-8100'`, or an array. Default: `'1-1024'`. */
  ports?: PortList
  /**
   * Milliseconds to wait for each port's answer. Default: 500. The kernel repeats an unanswered SYN after 1000 (RFC 6298), so
   * use more on a lossy path.
   */
  timeout?: number
  /** Further attempts at a port without an answer, 0-100. Default: 0. */
  retries?: number
  /** Maximum ports tried in parallel; fewer if RLIMIT_NOFILE or local ports are short. Default: 1024. */
  concurrency?: number
  /** Maximum attempts per second. Default: unlimited. */
  rate?: number
  /** Address family. Default: that of the host's first address. */
  family?: 4 | 6
}

export const scanSchema = {
  ...commonSchema,
  ports: portList,
  timeout: milliseconds,
  retries: integer(0, 100),
  concurrency: integer(1, 65_535),
  rate: number(0.001, 1e9),
  family: oneOf(4, 6),
} satisfies Schema

/**
 * Connects to many TCP ports of a host (RFC 9293). `for await` yields each port as its result comes. `open()` resolves with the
 * open ports, sorted. Connections are reset immediately, so nothing is left behind. The scan starts with the first `next()` or
 * `open()`.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE`. Iterating rejects with the errors of `resolve`; `ENETUNREACH`, `EADDRNOTAVAIL`,
 * … if this machine can't send; `ENODEV` if the device doesn't exist or is deleted meanwhile; `EMFILE` if no descriptor was
 * available for 5 seconds; `signal.reason` when aborted.
 */
export function scanPorts(host: string, given: ScanOptions = {}): PortScan {
  string(host, 'scanPorts: host')
  const options = checkOptions('scanPorts', given, scanSchema)
  return new PortScan(host, parsePorts(options.ports ?? scanDefaults.ports, 'scanPorts: ports'), options)
}
