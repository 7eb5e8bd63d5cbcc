import { checkOptions } from '../options.js'
import { keepTargets, type Targets } from '../protocols/targets/target-source.js'
import { parsePorts } from './port-list.js'
import { scanDefaults } from './port-scan.js'
import { PortSweep } from './port-sweep.js'
import { type ScanOptions, scanSchema } from './scan-ports.js'

/**
 * Connects to the same TCP ports of many hosts (RFC 9293). Returns an async iterable of results as they come, with live
 * `progress`. Targets are those of `sweep`: names, addresses, CIDR blocks and ranges, in a string or any iterable. They are drawn
 * on demand, and the hosts take turns, so that no host gets all its connections together.
 *
 * If two ICMP errors in a row report a host as unreachable and none of its ports has answered, its other ports are `unsent`. The
 * sweep starts with the first `next()`. A slow consumer slows it down. `break`, `return()` and the signal end it and leave
 * nothing open.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE`. Iterating rejects with the errors of `scanPorts` that concern all hosts, such as
 * `ENODEV`; a host that this machine can't send to is `unsent`.
 */
export function sweepPorts(targets: Targets, given: ScanOptions = {}): PortSweep {
  const kept = keepTargets(targets, 'sweepPorts')
  const options = checkOptions('sweepPorts', given, scanSchema)
  return new PortSweep(kept, parsePorts(options.ports ?? scanDefaults.ports, 'sweepPorts: ports'), options)
}
