import type { HeaderMatch, HttpModule } from '../config/http.js'
import type { ReadBody } from './http-body.js'
import type { HttpAnswer } from './http-request.js'
import { matches } from './probe.js'

/** Resolves with the first mismatch, if any. Undefined if the module has no such rules. */
type Verdict = Promise<string | undefined> | undefined

export function judgeHeaders(headers: HttpAnswer['headers'], module: HttpModule, signal: AbortSignal): Verdict {
  const { fail_if_header_matches = [], fail_if_header_not_matches = [] } = module
  const rules = [
    ...fail_if_header_matches.map(rule => ({ rule, wanted: false })),
    ...fail_if_header_not_matches.map(rule => ({ rule, wanted: true })),
  ]
  return rules.length === 0 ? undefined : judge(rules, ({ rule, wanted }) => judgeHeader(headers, rule, wanted, signal))
}

export function judgeBody(body: Pick<ReadBody, 'text' | 'error'>, module: HttpModule, signal: AbortSignal): Verdict {
  const { fail_if_body_matches_regexp = [], fail_if_body_not_matches_regexp = [] } = module
  const rules = [
    ...fail_if_body_matches_regexp.map(rule => ({ rule, wanted: false })),
    ...fail_if_body_not_matches_regexp.map(rule => ({ rule, wanted: true })),
  ]
  if (rules.length === 0) return undefined
  return judge(rules, async ({ rule, wanted }) => {
    if (body.error) return `the body can't be matched: ${body.error.message}`
    if ((await matches(body.text, rule, signal)) === wanted) return undefined
    return `the body ${wanted ? 'does not match' : 'matches'} ${rule.pattern}`
  })
}

async function judge<T>(rules: readonly T[], problemOf: (rule: T) => Promise<string | undefined>) {
  for (const rule of rules) {
    const problem = await problemOf(rule)
    if (problem !== undefined) return problem
  }
  return undefined
}

async function judgeHeader(
  headers: HttpAnswer['headers'],
  { header, regexp, allow_missing }: HeaderMatch,
  wanted: boolean,
  signal: AbortSignal,
): Promise<string | undefined> {
  const values = headers[header.toLowerCase()] ?? []
  if (values.length === 0) return allow_missing ? undefined : `the header ${header} is missing`
  let any = false
  for (const value of values) any ||= await matches(value, regexp, signal)
  return any === wanted ? undefined : `the header ${header} ${wanted ? 'does not match' : 'matches'} ${regexp.pattern}`
}
