import type { FoundRecord } from './answer.js'
import type { QueryContext } from './query-context.js'
import type { RecordType } from './records.js'

let question: typeof import('./question.js') | undefined

/**
 * Looks up the records of one name (in wire form) and type. The first question loads the code that asks name servers,
 * because a literal address needs none.
 */
export function queryRecords(
  name: string,
  type: RecordType,
  context: QueryContext,
  signal = context.signal,
): Promise<FoundRecord[]> {
  if (question) return question.queryRecords(name, type, context, signal)
  return import('./question.js').then(loaded => {
    question = loaded
    return loaded.queryRecords(name, type, context, signal)
  })
}
