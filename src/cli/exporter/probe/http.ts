import { monotonicNow } from '../../../monotonic.js'
import { readNamedFile } from '../../shared/named-file.js'
import type { HttpModule } from '../config/http.js'
import { chooseAddress } from './address.js'
import { type ReadBody, readBody } from './http-body.js'
import { type Final, HttpExchange } from './http-exchange.js'
import { judgeBody, judgeHeaders } from './http-patterns.js'
import type { HttpAnswer } from './http-request.js'
import { Failed, type Probe } from './probe.js'
import { tlsMetrics } from './tls.js'

const help = {
  probe_http_content_length: 'Length of the content by its header; -1 where it is not known',
  probe_http_uncompressed_body_length: 'Length of the body after decompression',
  probe_http_redirects: 'Redirects that were followed, and the one that was not',
  probe_http_ssl: 'Whether the last request used TLS',
  probe_http_status_code: 'Status of the response; 0 without one',
  probe_http_version: 'Version of HTTP of the response',
  probe_failed_due_to_regex: 'Whether a regular expression was what failed',
  probe_http_last_modified_timestamp_seconds: 'Last-Modified of the response',
} as const

export async function probeHttp(probe: Probe, userAgent: string, module: HttpModule = {}): Promise<void> {
  const { metrics, target, hostname } = probe
  const set = (name: keyof typeof help, value: number) => metrics.set(name, help[name], value)
  for (const name of Object.keys(help) as (keyof typeof help)[]) {
    if (name !== 'probe_http_last_modified_timestamp_seconds') set(name, 0)
  }
  const addPhase = (phase: string, ms: number) =>
    metrics.add('probe_http_duration_seconds', 'Duration of the requests by phase, over all redirects', ms / 1000, {
      phase,
    })
  const text = /^https?:\/\//.test(target) ? target : `http://${target}`
  if (!URL.canParse(text)) throw new Failed('the target is no URL')
  if (hostname !== undefined) refuseOtherHost(module, hostname)
  const url = new URL(text)
  const start = monotonicNow()
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const { address } = await chooseAddress(host, module, probe).finally(() =>
    addPhase('resolve', monotonicNow() - start),
  )
  for (const phase of ['connect', 'tls', 'processing', 'transfer']) addPhase(phase, 0)
  const body = bodyOf(module)
  const exchange = new HttpExchange(probe, module, userAgent, addPhase)
  try {
    await exchange.run({ url, address, body }, final => judge(final, probe, module, set, addPhase))
  } finally {
    set('probe_http_redirects', exchange.redirects)
  }
}

async function judge(
  { answer, tls, method, stopped, responseAt }: Final,
  probe: Probe,
  module: HttpModule,
  set: (name: keyof typeof help, value: number) => void,
  addPhase: (phase: string, ms: number) => void,
): Promise<void> {
  const { status, headers, protocol } = answer
  const { valid_status_codes = [], valid_http_versions = [] } = module
  set('probe_http_status_code', status)
  set('probe_http_version', Number(protocol.slice('HTTP/'.length)))
  set('probe_http_content_length', contentLength(answer, method))
  set('probe_http_ssl', Number(tls !== undefined))
  if (tls) tlsMetrics(tls, probe)
  const modified = Date.parse(headers['last-modified']?.[0] ?? '')
  if (!Number.isNaN(modified)) set('probe_http_last_modified_timestamp_seconds', modified / 1000)

  const problems: string[] = []
  const valid = valid_status_codes.length > 0 ? valid_status_codes.includes(status) : status >= 200 && status < 300
  if (!valid) problems.push(`the status is ${status}`)
  const matching = async (work: () => Promise<string | undefined> | undefined) => {
    if (problems.length > 0) return
    const verdict = work()
    if (verdict === undefined) return
    const problem = await verdict
    set('probe_failed_due_to_regex', Number(problem !== undefined))
    if (problem !== undefined) problems.push(problem)
  }
  await matching(() => judgeHeaders(headers, module, probe.signal))
  const { fail_if_body_matches_regexp = [], fail_if_body_not_matches_regexp = [] } = module
  const keep = problems.length === 0 && fail_if_body_matches_regexp.length + fail_if_body_not_matches_regexp.length > 0
  // blackbox_exporter closes the connection of a redirect that it doesn't follow.
  const read: ReadBody = stopped ? { bytes: 0, text: '' } : await readBody(answer.body, module, keep)
  // blackbox_exporter doesn't match what isn't gzip from its first bytes on.
  const isPacked = module.compression !== 'gzip' || read.bytes > 0 || !read.error
  if (isPacked) await matching(() => judgeBody(stopped ? unread : read, module, probe.signal))
  if (read.error) problems.push(`the body can't be read: ${read.error.message}`)
  set('probe_http_uncompressed_body_length', read.bytes)
  addPhase('transfer', monotonicNow() - responseAt)
  if (valid_http_versions.length > 0 && !valid_http_versions.includes(protocol)) problems.push(`it speaks ${protocol}`)
  if (tls && module.fail_if_ssl) problems.push('the last request used TLS')
  if (!tls && module.fail_if_not_ssl) problems.push('the last request did not use TLS')
  if (problems.length > 0) throw new Failed(problems.join('; '))
}

const unread = { text: '', error: new Error('the redirect was not followed') }

/** As in Go: -1 if only the end of the body shows its length. */
function contentLength({ status, headers }: HttpAnswer, method: string): number {
  if (status < 200 || status === 204 || status === 304) return 0
  const given = headers['content-length']?.[0]
  if (given === undefined || (headers['transfer-encoding'] && method !== 'HEAD')) return -1
  return Number(given)
}

function bodyOf({ body, body_file }: HttpModule): Buffer | undefined {
  if (body_file !== undefined) return readNamedFile(body_file, 0)
  return body ? Buffer.from(body) : undefined
}

function refuseOtherHost({ headers = {} }: HttpModule, hostname: string): void {
  const own = Object.entries(headers).find(([name]) => name.toLowerCase() === 'host')?.[1]
  if (own !== undefined && own !== hostname) throw new Failed(`the module has the header Host: ${own} already`)
}
