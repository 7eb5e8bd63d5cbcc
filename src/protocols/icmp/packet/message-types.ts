/** Message types of ICMP (RFC 792) and ICMPv6 (RFC 4443, RFC 4861) by the names used here. */
export const typeOf = {
  4: {
    'echo-reply': 0,
    unreachable: 3,
    redirect: 5,
    'echo-request': 8,
    'time-exceeded': 11,
    'parameter-problem': 12,
    'timestamp-request': 13,
    'timestamp-reply': 14,
  },
  6: {
    unreachable: 1,
    'packet-too-big': 2,
    'time-exceeded': 3,
    'parameter-problem': 4,
    'echo-request': 128,
    'echo-reply': 129,
    redirect: 137,
  },
} as const

/** Bytes before the payload of an echo request: IP header without options, and ICMP header. */
export const echoHeaders = { 4: 28, 6: 48 } as const

/** Code 4 of an IPv4 unreachable, the IPv4 equivalent of "packet too big" (RFC 1191). */
export const fragmentationNeeded = 4

export type MessageKind = keyof (typeof typeOf)[4] | keyof (typeof typeOf)[6]

const kinds = {
  4: new Map(Object.entries(typeOf[4]).map(([kind, type]) => [type, kind as MessageKind])),
  6: new Map(Object.entries(typeOf[6]).map(([kind, type]) => [type, kind as MessageKind])),
}

export function kindOf(family: 4 | 6, type: number): MessageKind | undefined {
  return kinds[family].get(type as never)
}

/** Whether the host, or a firewall that imitates it, says that nobody listens on the port (RFC 792, RFC 4443 section 3.1). */
export function isPortUnreachable(family: 4 | 6, { type, code }: { type?: number; code?: number }): boolean {
  return type === typeOf[family].unreachable && code === (family === 4 ? 3 : 4)
}
