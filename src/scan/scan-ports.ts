import {
  type CommonOptions,
  checkOptions,
  commonSchema,
  integer,
  milliseconds,
  number,
  oneOf,
  string,
} from '../options.js'
import { type PortList, parsePorts, portList } from './port-list.js'
import { PortScan } from './port-scan.js'

export interface ScanOptions extends CommonOptions {
  /** `'22,80,8000-8100'`, or an array. Default: `'1-1024'`. */
  ports?: PortList
  /**
   * How long a port has to answer, in milliseconds. Default: 500. The kernel repeats an unanswered SYN after 1000 (RFC 6298):
   * where packets get lost, take more.
   */
  timeout?: number
  /** Ports tried at once, at most; fewer where RLIMIT_NOFILE or the local ports are short. Default: 1024. */
  concurrency?: number
  /** Ports tried a second, at most. Default: as fast as it goes. */
  rate?: number
  /** Default: whatever the first address of the host is. */
  family?: 4 | 6
}

const schema = {
  ...commonSchema,
  ports: portList,
  timeout: milliseconds,
  concurrency: integer(1, 65_535),
  rate: number(0.001, 1e9),
  family: oneOf(4, 6),
}

/**
 * Connects to many TCP ports of a host (RFC 9293): `for await` gives every port as its verdict comes, `open()` the open ones
 * sorted. Connections are reset at once, so nothing is left behind. Starts at the first `next()` or `open()`.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE`; iterating rejects with what `resolve` throws; `ENETUNREACH`, `EADDRNOTAVAIL`,
 * … where this machine would not send; `ENODEV` no such device, or it was deleted meanwhile; `EMFILE` where not one
 * descriptor was to be had for 5 seconds; `signal.reason` when aborted.
 */
export function scanPorts(host: string, given: ScanOptions = {}): PortScan {
  string(host, 'scanPorts: host')
  const options = checkOptions('scanPorts', given, schema)
  return new PortScan(host, parsePorts(options.ports ?? '1-1024', 'scanPorts: ports'), options)
}
