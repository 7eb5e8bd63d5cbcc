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
import { anyMatches, matchLimitMs } from './match.js'
import { judge } from './outcome.js'

/** A text, or what a text must match. */
type Expected = string | RegExp

export interface DnsCheckOptions extends CommonOptions {
  /** Name servers, as in `resolve`. Default: those of /etc/resolv.conf. */
  servers?: readonly string[]
  /** Record type to ask for (RFC 1035), past hosts file and search list. Default: A. */
  type?: RecordType
  /**
   * What must be among the answers, each item of a list: an address as `resolve` gives it, a name, or the data of a record
   * as text (other than a plain text: as JSON). Default: any answer will do.
   */
  expect?: Expected | readonly Expected[]
  /** For everything together, in milliseconds. Default: 5000. */
  timeout?: number
}

/** What `checkDns` can give as answers, as `resolve` gives them. */
type Answers = ResolvedAddress[] | DnsRecord[]

/** There is an answer, with all that is expected. */
export interface DnsCheckSuccess<A extends Answers = Answers> {
  ok: true
  /** From the call until the answer, in milliseconds. */
  latencyMs: number
  /** As `resolve` gives them. */
  answers: A
  /** The name server that answered (the last one, where several were asked): `address` or `address:port`. */
  server: string | undefined
  error: undefined
}

/** There is no answer, or not the expected one. */
export interface DnsCheckFailure<A extends Answers = Answers> {
  ok: false
  /** From the call until the answer, in milliseconds; undefined where no server gave one. */
  latencyMs: number | undefined
  /** As `resolve` gives them; none where there is no such name or record. */
  answers: A
  /** The name server that answered (the last one, where several were asked): `address` or `address:port`. */
  server: string | undefined
  /** Why. */
  error: NetviaError
}

/** What `checkDns` found: `ok` says which of the two. */
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
 * Whether DNS over the path has a name's records (RFC 1035). What the network says is a value: no such name, no such record, a
 * server that fails, no answer in time, or another answer than expected (`ERR_DNS_ANSWER`) are `ok: false` with an `error`, by
 * the codes of `resolve`.
 *
 * @throws NetviaError for what is wrong here: bad options, `ENODEV` no such device; `signal.reason` when aborted.
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
  const { expect = [], ...rest } = options
  const start = monotonicNow()
  let answers: Answers = []
  let latencyMs: number | undefined
  let answered: string | undefined
  const onAnswer = (server: Parameters<typeof formatDnsServer>[0]) => {
    latencyMs = monotonicNow() - start
    answered = formatDnsServer(server)
  }
  return judge<DnsCheckResult>(
    options.signal,
    options.device,
    async () => {
      const asked = { ...rest, type: options.type ?? 'A', timeout: options.timeout ?? 5000 }
      answers = await resolveWith(name, asked, { onAnswer })
      latencyMs ??= monotonicNow() - start
      const texts = answers.flatMap((answer: ResolvedAddress | DnsRecord) =>
        'address' in answer ? answer.address : textsOf(answer.data),
      )
      for (const item of [expect].flat()) {
        const found = await anyMatches(texts, item, { exact: true, signal: options.signal })
        options.signal?.throwIfAborted()
        if (found) continue
        const what = found === undefined ? `takes more than ${matchLimitMs} ms to match` : 'is not among'
        throw new NetviaError(`${item} ${what} the answers`, { code: 'ERR_DNS_ANSWER', hostname: name })
      }
      return { ok: true, latencyMs, answers, server: answered, error: undefined }
    },
    error => ({ ok: false, latencyMs, answers, server: answered, error }),
  )
}

function textsOf(data: DnsRecord['data']): string[] {
  if (typeof data === 'string') return [data]
  // The strings of one TXT record are one text, cut to what DNS can carry (RFC 7208 section 3.3 says so for SPF).
  return [Array.isArray(data) ? data.join('') : JSON.stringify(data)]
}
