import { isIP } from '../builtins.js'
import { invalidArgument, NetviaError } from '../errors.js'
import { monotonicNow } from '../monotonic.js'
import {
  arrayOf,
  type Check,
  type CommonOptions,
  checkOptions,
  commonSchema,
  isRegExp,
  milliseconds,
  oneOf,
  type Schema,
  string,
} from '../options.js'
import {
  type AddressType,
  type DnsRecord,
  type RecordData,
  type RecordType,
  type ResolvedAddress,
  recordTypes,
} from '../protocols/dns/records.js'
import { resolveWith } from '../protocols/dns/resolve.js'
import { dnsServers, formatDnsServer } from '../protocols/dns/server-address.js'
import { canonicalIP } from '../sockets/ip.js'
import { anyMatches, matchLimitMs } from './match.js'
import { checkTimeout, networkError } from './outcome.js'

/** A text, or a pattern that a text must match. */
type Expected = string | RegExp

export interface DnsCheckOptions extends CommonOptions {
  /** Name servers, as in `resolve`. Default: those of /etc/resolv.conf. */
  servers?: readonly string[]
  /** Record type to query (RFC 1035), bypassing hosts file and search list. Default: A. */
  type?: RecordType
  /**
   * What the answers must contain; with a list, every item. Each is an address (in any notation), a name, or a record's
   * data as text (data that isn't plain text: as JSON). Default: any answer is accepted.
   */
  expect?: Expected | readonly Expected[]
  /** Milliseconds for the whole check. Default: 5000. */
  timeout?: number
}

/** The answers of `checkDns`, in the form `resolve` returns. */
type Answers = ResolvedAddress[] | DnsRecord[]

/** The answer came and contains everything expected. */
export interface DnsCheckSuccess<A extends Answers = Answers> {
  /** The check passed. */
  ok: true
  /** Milliseconds from the call until the answer. */
  latencyMs: number
  /** The answers, as `resolve` returns them. */
  answers: A
  /** Name server that answered (the last one, if several were asked): `address` or `address:port`. */
  server: string | undefined
  /** A check that passed has no error. */
  error: undefined
}

/** No answer came, or not the expected one. */
export interface DnsCheckFailure<A extends Answers = Answers> {
  /** The check failed: `error` says why. */
  ok: false
  /** Milliseconds from the call until the answer; undefined if no server answered. */
  latencyMs: number | undefined
  /** The answers, as `resolve` returns them; empty if the name or record doesn't exist. */
  answers: A
  /** Name server that answered (the last one, if several were asked): `address` or `address:port`. */
  server: string | undefined
  /** Why the check failed. */
  error: NetviaError
}

/** The result of `checkDns`. `ok` distinguishes the two kinds. */
export type DnsCheckResult<A extends Answers = Answers> = DnsCheckSuccess<A> | DnsCheckFailure<A>

const expected: Check = (value, name) => {
  if (Array.isArray(value)) return arrayOf(expected)(value, name)
  if (isRegExp(value) || (typeof value === 'string' && value !== '')) return value
  throw invalidArgument(name, value, 'a non-empty string or a RegExp, or an array of them')
}

export const dnsCheckSchema: Schema = {
  ...commonSchema,
  servers: dnsServers,
  type: oneOf(...recordTypes),
  expect: expected,
  timeout: milliseconds,
}

/**
 * Checks whether DNS over the path has a name's records (RFC 1035). Results from the network are values. If the name or record
 * doesn't exist, a server fails, no answer comes in time, or the answer isn't the expected one (`ERR_DNS_ANSWER`), the result
 * is `ok: false` with an `error`. It uses the codes of `resolve`.
 *
 * @throws NetviaError for local errors: bad options; `ENODEV` if the device doesn't exist; `signal.reason` when aborted.
 */
export async function checkDns(
  name: string,
  options?: DnsCheckOptions & { type?: AddressType },
): Promise<DnsCheckResult<ResolvedAddress[]>>
export async function checkDns<T extends keyof RecordData>(
  name: string,
  options: DnsCheckOptions & { type: T },
): Promise<DnsCheckResult<DnsRecord<T>[]>>
export async function checkDns(name: string, options: DnsCheckOptions): Promise<DnsCheckResult>
export async function checkDns(name: string, given: DnsCheckOptions = {}): Promise<DnsCheckResult> {
  string(name, 'checkDns: name')
  const options = checkOptions('checkDns', given, dnsCheckSchema)
  const { device, servers, signal, expect = [], timeout = checkTimeout, type = 'A' } = options
  const start = monotonicNow()
  let answers: Answers = []
  let latencyMs: number | undefined
  let answered: string | undefined
  const onAnswer = (server: Parameters<typeof formatDnsServer>[0]) => {
    latencyMs = monotonicNow() - start
    answered = formatDnsServer(server)
  }
  try {
    const { localAddress, mark, tos } = options
    const asked = { device, localAddress, mark, tos, servers, signal, type, timeout }
    answers = await resolveWith(name, asked, { onAnswer })
    latencyMs ??= monotonicNow() - start
    for (const item of [expect].flat()) {
      const wanted = typeof item === 'string' && isIP(item) ? canonicalIP(item) : item
      const found = await anyMatches(answers.flatMap(textsOf), wanted, { exact: true, signal })
      signal?.throwIfAborted()
      if (found) continue
      const what = found === undefined ? `takes more than ${matchLimitMs} ms to match` : 'is not among'
      throw new NetviaError(`${item} ${what} the answers`, { code: 'ERR_DNS_ANSWER', hostname: name })
    }
    return { ok: true, latencyMs, answers, server: answered, error: undefined }
  } catch (reason) {
    const error = networkError(reason, signal, device)
    return { ok: false, latencyMs, answers, server: answered, error }
  }
}

function textsOf(answer: ResolvedAddress | DnsRecord): string[] {
  if ('address' in answer) return [answer.address]
  const { data } = answer
  if (typeof data === 'string') return [data]
  // The strings of a TXT record form one text, cut to what DNS can carry (RFC 7208 section 3.3 says so for SPF).
  return [Array.isArray(data) ? data.join('') : JSON.stringify(data)]
}
