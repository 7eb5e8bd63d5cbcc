import { NetviaError } from '../../../errors.js'
import {
  type Check,
  checkOptions,
  integer,
  longestTimer,
  number,
  type Schema,
  string,
  systemText,
} from '../../../options.js'

/** Where metrics and changes of state are pushed to, as configured in the file. */
export interface OtlpOptions {
  /** Where metrics go: `https://collector.example.net/v1/metrics`. netvia adds `/v1/metrics` if it is missing. */
  url: string
  /** Where log records go; false pushes none. Default: the URL of the metrics with `/v1/logs`. */
  logs?: string | false
  /** A header a line, `Authorization: Bearer …`. Read again for each request. Default: none. */
  headersFile?: string
  /** Milliseconds between two pushes. Default 60000. */
  interval?: number
  /** Milliseconds a push may take, until its whole answer is there. Default 10000. */
  timeout?: number
  /** Maximum data points, and maximum log records, that wait while nothing can be sent. The oldest are dropped. Default 50000. */
  maxPoints?: number
  /** `service.instance.id`. Default: made from /etc/machine-id and the path of the configuration, else random. */
  instance?: string
  /** More attributes of the resource, such as `site`. Default: none. */
  attributes?: Record<string, string>
}

/** With all defaults filled in, except what depends on the machine. */
export interface OtlpSettings {
  metricsUrl: string
  logsUrl: string | undefined
  headersFile: string | undefined
  interval: number
  timeout: number
  maxPoints: number
  instance: string | undefined
  attributes: Record<string, string>
}

const webAddress: Check = (value, name) => {
  // The message omits the value, which may contain a secret.
  const wrong = (expected: string) => new NetviaError(`${name} must be ${expected}`, { code: 'ERR_INVALID_ARG_VALUE' })
  if (typeof value !== 'string' || !URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol))
    throw wrong('an http or https URL')
  const { username, password } = new URL(value)
  if (username || password) throw wrong('a URL without user and password: those go into a file of headers')
  return value
}

const texts: Check = (value, name) => {
  const isText = (member: unknown) => typeof member === 'string' && member !== ''
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.values(value).every(isText)) {
    throw new NetviaError(`${name} must be names with texts`, { code: 'ERR_INVALID_ARG_VALUE' })
  }
  return { ...value }
}

const schema = {
  url: webAddress,
  logs: (value, name) => (value === false ? value : webAddress(value, name)),
  headersFile: systemText,
  interval: number(100, 86_400_000),
  timeout: number(1, longestTimer),
  maxPoints: integer(1, 10_000_000),
  instance: string,
  attributes: texts,
} satisfies Schema

/**
 * Checks the settings of the file, and fills in the defaults.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE`.
 */
export function otlpSettings(given: OtlpOptions): OtlpSettings {
  const options = checkOptions('otlp', given, schema, ['url'])
  const metricsUrl = signalUrl(options.url, 'metrics')
  return {
    metricsUrl,
    logsUrl: options.logs === false ? undefined : (options.logs ?? metricsUrl.replace(/metrics(?=\?|$)/, 'logs')),
    headersFile: options.headersFile,
    interval: options.interval ?? 60_000,
    timeout: options.timeout ?? 10_000,
    maxPoints: options.maxPoints ?? 50_000,
    instance: options.instance,
    attributes: options.attributes ?? {},
  }
}

/** Reads a URL as `OTEL_EXPORTER_OTLP_ENDPOINT` is read: it is a collector's, unless it already names one signal. */
function signalUrl(value: string, signal: string): string {
  const url = new URL(value)
  const wanted = `/v1/${signal}`
  if (!url.pathname.endsWith(wanted)) url.pathname = `${url.pathname.replace(/\/$/, '')}${wanted}`
  return url.href
}
