import type { HttpCheckResult } from '../../checks/http/result.js'
import { usageError } from '../shared/arguments.js'
import { escapeControls } from '../shared/output/escape.js'

/** Variables of curl's -w that a check has. Its times are seconds since the start. */
const variables: Readonly<Record<string, (result: HttpCheckResult, url: string) => unknown>> = {
  http_code: ({ status }) => String(status ?? 0).padStart(3, '0'),
  response_code: ({ status }) => String(status ?? 0).padStart(3, '0'),
  time_namelookup: ({ timings }) => seconds(timings.dnsMs),
  time_connect: ({ timings: { dnsMs, connectMs } }) => seconds(dnsMs, connectMs),
  time_appconnect: ({ timings: { dnsMs, connectMs, tlsMs } }) =>
    tlsMs ? seconds(dnsMs, connectMs, tlsMs) : seconds(0),
  time_pretransfer: ({ timings: { dnsMs, connectMs, tlsMs } }) => seconds(dnsMs, connectMs, tlsMs),
  time_starttransfer: ({ timings: { dnsMs, connectMs, tlsMs, firstByteMs } }) =>
    seconds(dnsMs, connectMs, tlsMs, firstByteMs),
  time_total: ({ timings }) => seconds(timings.totalMs),
  local_ip: ({ localAddress }) => localAddress ?? '',
  remote_ip: ({ remoteAddress }) => remoteAddress ?? '',
  num_redirects: ({ redirects }) => redirects,
  size_download: ({ bytes }) => bytes,
  errormsg: ({ error }) => error?.message ?? '',
  url: (_result, url) => url,
}

/** Refuses a variable that a check does not have. */
export function checkFormat(format: string): void {
  for (const [, name] of format.matchAll(/%\{([^}]*)\}/g)) {
    if (name! in variables) continue
    throw usageError(`http: -w: %{${name}} is not available; known: ${Object.keys(variables).join(', ')}`)
  }
}

/** The format with its variables filled in. One end of line is left to the caller. */
export function written(format: string, result: HttpCheckResult, url: string): string {
  return format
    .replaceAll(/\\([ntr\\])/g, (_all, letter: string) => ({ n: '\n', t: '\t', r: '\r' })[letter] ?? letter)
    .replaceAll(/%(?:\{([^}]*)\}|%)/g, (_all, name?: string) =>
      name ? escapeControls(String(variables[name]!(result, url))) : '%',
    )
    .replace(/\n$/, '')
}

/** One that never came ends the sum, as in curl: it is 0 from there. */
function seconds(...parts: (number | undefined)[]): string {
  const sum = parts.includes(undefined) ? 0 : parts.reduce((total: number, part) => total + part!, 0)
  return (sum / 1000).toFixed(6)
}
