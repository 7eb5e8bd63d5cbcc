import type { Agent, ClientRequest, ClientRequestArgs } from 'node:http'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { PushMetricExporter, ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { UplinkGroup } from '../../../group/group.js'
import { Deadline, noLongerNeeded } from '../../../runtime/deadline.js'
import { readHeaders } from './headers-file.js'
import type { OtlpSettings } from './options.js'
import type { Attempt, Outbox } from './outbox.js'
import type { OpenTelemetry } from './packages.js'
import { followAnswer, type PartialSuccess } from './partial-success.js'

/** Characters of what a collector says about a failure. */
const longestReason = 200

/** Refusals of the credentials, and of the moment. */
const mayBeAccepted = new Set([401, 403, 407, 408, 429])

/** Answers whose `Retry-After` OTLP/HTTP says to obey. */
const throttling = new Set([429, 503])
/** In ms. A collector can't stop the pushes for longer. */
const longestRetryAfter = 300_000

/** OpenTelemetry's `ExportResult`. */
interface Exported {
  code: number
  error?: Error
}

interface Exporter<Item> {
  export(item: Item, done: (result: Exported) => void): void
}

/** A member of Node's agents that its type declarations omit. */
interface NodeAgent extends Agent {
  addRequest(request: ClientRequest, options: ClientRequestArgs): void
}

/** The official exporters, each as a function that makes one attempt through the uplink the group picks. */
export function senders(openTelemetry: OpenTelemetry, group: UplinkGroup, settings: OtlpSettings, userAgent: string) {
  const { metricsUrl, logsUrl, headersFile, timeout } = settings
  let headers: Record<string, string> = {}
  const common = {
    headers: async () => ({ ...headers }),
    timeoutMillis: timeout,
    compression: 'gzip' as never,
    userAgent,
  }
  const agentOf = (protocol: string) => (protocol === 'http:' ? group.httpAgent : group.httpsAgent)
  const sender = <Item>(url: string, Exporter: new (options: object) => Exporter<Item>) => {
    const open = () => {
      const requests = new Requests()
      const httpAgentOptions = (protocol: string) => requests.through(agentOf(protocol))
      return { requests, exporter: new Exporter({ ...common, url, httpAgentOptions }) }
    }
    let current = open()
    return async (item: Item): Promise<Attempt> => {
      try {
        // The exporter's own requests must not fail.
        if (headersFile !== undefined) headers = readHeaders(headersFile)
      } catch (error) {
        return { result: 'failed', why: (error as Error).message }
      }
      const { requests, exporter } = current
      const exported = new Promise<Exported>(resolve => exporter.export(item, resolve))
      const judged = await within(timeout, exported)
      if (judged) return judge(judged, requests)
      // An exporter that still waits takes a place among the few exports that it allows itself.
      current = open()
      requests.end()
      return { result: 'failed', why: `no whole answer within ${timeout} ms` }
    }
  }
  return {
    metrics: sender<ResourceMetrics>(metricsUrl, openTelemetry.metricExporter.OTLPMetricExporter),
    logs:
      logsUrl === undefined
        ? undefined
        : sender<ReadableLogRecord[]>(logsUrl, openTelemetry.logExporter.OTLPLogExporter),
  }
}

/** The requests of one exporter, which itself only ends those that are silent: a server that drips could hold it up forever. */
class Requests {
  #current: ClientRequest | undefined
  #answer: (() => PartialSuccess) | undefined
  /** The last answer is a web page, as of a captive portal. */
  isPage = false
  /** Milliseconds that the last answer, of a collector that throttles, asks to wait. */
  retryAfter: number | undefined
  #isEnded = false

  /** What the last answer says of what was rejected. */
  get partialSuccess(): PartialSuccess | undefined {
    return this.#answer?.()
  }

  /** The same agent, whose requests `end` destroys. */
  through(agent: Agent): Agent {
    const addRequest = (request: ClientRequest, options: ClientRequestArgs) => {
      this.#current = request
      this.#answer = undefined
      this.retryAfter = undefined
      request.once('response', response => {
        this.#answer = followAnswer(response)
        this.isPage = /^text\/html\b/i.test(response.headers['content-type'] ?? '')
        if (throttling.has(response.statusCode!) && !this.isPage)
          this.retryAfter = retryAfter(response.headers['retry-after'])
      })
      ;(agent as NodeAgent).addRequest(request, options)
      if (this.#isEnded) request.destroy()
    }
    return Object.create(agent, { addRequest: { value: addRequest } })
  }

  /** Also those that it would try again. */
  end(): void {
    this.#isEnded = true
    this.#current?.destroy()
  }
}

/** Undefined: not in time. */
async function within<T>(timeout: number, work: Promise<T>): Promise<T | undefined> {
  const deadline = new Deadline(timeout, undefined, () => noLongerNeeded)
  const late = new Promise<undefined>(resolve => deadline.signal.addEventListener('abort', () => resolve(undefined)))
  try {
    return await Promise.race([work, late])
  } finally {
    deadline.end()
  }
}

/**
 * OTLP/HTTP forbids resending what was refused. Rejected credentials are an exception, because they can be replaced. A page or a
 * redirect is no collector's answer, but that of a captive portal.
 */
function judge({ code, error }: Exported, { isPage, partialSuccess: partial, retryAfter }: Requests): Attempt {
  if (code === 0 && isPage) return { result: 'failed', why: 'a web page answered, perhaps that of a captive portal' }
  if (code === 0 && partial?.rejected) {
    const why = `${partial.rejected} of one push${partial.why && `: ${partial.why}`}`
    return { result: 'refused', why: shortened(why), lost: partial.rejected }
  }
  if (code === 0) return { result: 'delivered', why: '' }
  const status = (error as { code?: unknown } | undefined)?.code
  const isRefused = typeof status === 'number' && status >= 400 && status < 500 && !mayBeAccepted.has(status)
  const why = typeof status === 'number' ? `status ${status} ${error!.message}` : (error?.message ?? 'no reason given')
  return { result: isRefused ? 'refused' : 'failed', why: shortened(why), retryAfter }
}

/** Of seconds or a date (RFC 9110 section 10.2.3), in ms from now. */
function retryAfter(header = ''): number | undefined {
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), longestRetryAfter)
}

function shortened(why: string): string {
  return why.slice(0, longestReason).trim()
}

/** An exporter for a metric reader. It puts the metrics into the outbox. */
export function queueing(
  { metrics: { AggregationTemporality, InstrumentType } }: OpenTelemetry,
  outbox: Outbox<ResourceMetrics>,
): PushMetricExporter {
  const correct = startCorrector()
  return {
    export(metrics, done) {
      correct(metrics)
      outbox.add(metrics)
      done({ code: 0 })
    },
    // A gauge has no temporality. With 'cumulative' the SDK keeps exporting the last value of a gauge that is no longer observed.
    selectAggregationTemporality: type =>
      type === InstrumentType.OBSERVABLE_GAUGE ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE,
    forceFlush: async () => {},
    shutdown: async () => {},
  }
}

/**
 * After the clock was set back, the SDK's series begin after their own points. Such a series gets its first point's time as its
 * beginning: OpenTelemetry's data model has that for a beginning that is unknown.
 */
function startCorrector(): (metrics: ResourceMetrics) => void {
  const known = new WeakMap<object, [seconds: number, nanoseconds: number]>()
  return ({ scopeMetrics }) => {
    for (const { dataPoints } of scopeMetrics.flatMap(({ metrics }) => metrics)) {
      for (const point of dataPoints) {
        const { startTime, endTime } = point
        const start = known.get(startTime) ?? startTime
        const isLater = start[0] > endTime[0] || (start[0] === endTime[0] && start[1] > endTime[1])
        if (isLater) known.set(startTime, endTime)
        Object.assign(point, { startTime: isLater ? endTime : start })
      }
    }
  }
}

export function pointsOf({ scopeMetrics }: ResourceMetrics): number {
  return scopeMetrics.reduce(
    (sum, { metrics }) => metrics.reduce((sum, { dataPoints }) => sum + dataPoints.length, sum),
    0,
  )
}
