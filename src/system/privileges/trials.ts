import { addon } from '../../binding/addon.js'
import { AF_INET, AF_INET6, encodeAddress } from '../../sockets/address.js'
import { trySetOption } from '../../sockets/options.js'

/** The result of each trial: 0, or a negative errno. */
export interface Trials {
  readonly rawIcmp4: number
  readonly rawIcmp6: number
  readonly datagramIcmp4: number
  readonly datagramIcmp6: number
  readonly bindToDevice: number
  readonly mark: number
  readonly lowPort: number
  readonly transmitTimestamps: number
}

/** Tries each privilege on its own socket, on loopback at most. Sends nothing. */
export function tryPrivileges(): Trials {
  const native = addon()
  const { SOCK_RAW, SOCK_DGRAM, IPPROTO_ICMP, IPPROTO_ICMPV6 } = native.constants
  const { SOF_TIMESTAMPING_TX_SOFTWARE, SOF_TIMESTAMPING_SOFTWARE, SOF_TIMESTAMPING_OPT_ID } = native.constants
  const open = (family: number, type: number, protocol: number, attempt: (fd: number) => number = () => 0) => {
    const fd = native.socket(family, type, protocol)
    if (fd < 0) return fd
    const errno = attempt(fd)
    native.close(fd)
    return errno
  }
  const onUdp = (attempt: (fd: number) => number) => open(AF_INET, SOCK_DGRAM!, 0, attempt)
  const stamps = SOF_TIMESTAMPING_TX_SOFTWARE! | SOF_TIMESTAMPING_SOFTWARE! | SOF_TIMESTAMPING_OPT_ID!
  return {
    rawIcmp4: open(AF_INET, SOCK_RAW!, IPPROTO_ICMP!),
    rawIcmp6: open(AF_INET6, SOCK_RAW!, IPPROTO_ICMPV6!),
    datagramIcmp4: open(AF_INET, SOCK_DGRAM!, IPPROTO_ICMP!),
    datagramIcmp6: open(AF_INET6, SOCK_DGRAM!, IPPROTO_ICMPV6!),
    bindToDevice: onUdp(fd => trySetOption(fd, 'SO_BINDTODEVICE', 'lo\0')),
    mark: onUdp(fd => trySetOption(fd, 'SO_MARK', 1)),
    lowPort: onUdp(fd => native.bind(fd, encodeAddress('127.0.0.1', 1))),
    transmitTimestamps: onUdp(fd => trySetOption(fd, 'SO_TIMESTAMPING', stamps)),
  }
}
