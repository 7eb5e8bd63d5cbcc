import type { Answer } from 'dns-packet'
import type { RecordRules } from '../config/modules.js'
import { Failed, matches, type Probe } from './probe.js'
import { recordText } from './record-text.js'

/** Throws the first mismatch of a section's records. */
export async function judgeRecords(
  records: readonly Answer[],
  rules: RecordRules = {},
  { signal, log }: Probe,
): Promise<void> {
  const {
    fail_if_matches_regexp: forbidden = [],
    fail_if_all_match_regexp: notAll = [],
    fail_if_not_matches_regexp: each = [],
    fail_if_none_matches_regexp: any = [],
  } = rules
  if (records.length === 0 && each.length + any.length > 0) throw new Failed('there is no record to match')
  let allMatch = true
  let anyMatch = false
  for (const record of records) {
    const text = recordText(record)
    log('Validating a record', { record: text })
    for (const pattern of forbidden) {
      if (await matches(text, pattern, signal)) throw new Failed(`a record matches ${pattern.pattern}`)
    }
    for (const pattern of notAll) allMatch &&= await matches(text, pattern, signal)
    for (const pattern of each) {
      if (!(await matches(text, pattern, signal))) throw new Failed(`a record does not match ${pattern.pattern}`)
    }
    for (const pattern of any) anyMatch ||= await matches(text, pattern, signal)
  }
  // blackbox_exporter names this the other way round too: the probe fails unless all records match.
  if (notAll.length > 0 && !allMatch) throw new Failed('not all records match')
  if (any.length > 0 && !anyMatch) throw new Failed('no record matches')
}
