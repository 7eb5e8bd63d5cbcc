import { typeOf } from './message-types.js'

type Reasons = Readonly<Record<number, readonly string[]>>

/** RFC 792, RFC 1108, RFC 1812 section 5.2.7. */
const reasons4: Reasons = {
  [typeOf[4].unreachable]: [
    'network unreachable',
    'host unreachable',
    'protocol unreachable',
    'port unreachable',
    'fragmentation needed, but not allowed',
    'source route failed',
    'network unknown',
    'host unknown',
    'source host isolated',
    'network administratively prohibited',
    'host administratively prohibited',
    'network unreachable for this type of service',
    'host unreachable for this type of service',
    'communication administratively prohibited',
    'host precedence violation',
    'precedence cutoff in effect',
  ],
  4: ['source quench'],
  [typeOf[4].redirect]: [
    'redirect for the network',
    'redirect for the host',
    'redirect for the type of service and network',
    'redirect for the type of service and host',
  ],
  [typeOf[4]['time-exceeded']]: ['time to live exceeded in transit', 'fragment reassembly time exceeded'],
  [typeOf[4]['parameter-problem']]: ['the pointer indicates the error', 'a required option is missing', 'bad length'],
}

/** RFC 4443, and the codes added by RFC 6550, RFC 7112, RFC 8754 and RFC 8883. */
const reasons6: Reasons = {
  [typeOf[6].unreachable]: [
    'no route to destination',
    'communication administratively prohibited',
    'beyond scope of source address',
    'address unreachable',
    'port unreachable',
    'source address failed ingress or egress policy',
    'reject route to destination',
    'error in source routing header',
    'headers too long',
  ],
  [typeOf[6]['packet-too-big']]: ['packet too big'],
  [typeOf[6]['time-exceeded']]: ['hop limit exceeded in transit', 'fragment reassembly time exceeded'],
  [typeOf[6]['parameter-problem']]: [
    'erroneous header field',
    'unrecognized next header',
    'unrecognized IPv6 option',
    'first fragment has an incomplete header chain',
    'segment routing upper-layer header error',
    'unrecognized next header at an intermediate node',
    'extension header too big',
    'extension header chain too long',
    'too many extension headers',
    'too many options in an extension header',
    'option too big',
  ],
  [typeOf[6].redirect]: ['redirect'],
}

/** The meaning of an ICMP error in words, or its type and code as numbers if no RFC names them. */
export function reasonOf(family: 4 | 6, type: number, code: number): string {
  const known = (family === 4 ? reasons4 : reasons6)[type]?.[code]
  return known ?? `ICMP${family === 6 ? 'v6' : ''} type ${type} code ${code}`
}
