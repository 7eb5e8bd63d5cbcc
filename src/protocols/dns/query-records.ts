import type { FoundRecord } from './answer.js'
import type { Asking } from './asking.js'
import type { RecordType } from './records.js'

let question: typeof import('./question.js') | undefined

/**
 * The records of one name (in wire form) and type. The first question loads the code that asks name servers, because a literal
 * address needs none.
 */
export async function queryRecords(
  name: string,
  type: RecordType,
  asking: Asking,
  signal = asking.signal,
): Promise<FoundRecord[]> {
  question ??= await import('./question.js')
  return question.queryRecords(name, type, asking, signal)
}
