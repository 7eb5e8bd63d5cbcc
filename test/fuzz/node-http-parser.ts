// Node's own HTTP parser in one synchronous call. It is internal to Node, so only tests may use it.

import { createRequire } from 'node:module'

/** What Node parses from a response, or its error. */
export interface NodeVerdict {
  error: string | undefined
  /** The status of the final response, if its header was complete. */
  status: number | undefined
  version: string | undefined
  /** Alternating names and values. */
  rawHeaders: string[]
  body: Buffer
  /** Whether the message is complete. */
  complete: boolean
}

interface Parser {
  initialize(type: number, resource: object): void
  execute(data: Buffer): number | Error
  [kind: number]: (...args: never[]) => unknown
}

const { HTTPParser } = createRequire(import.meta.url)('_http_common') as {
  HTTPParser: (new () => Parser) & Record<string, number>
}

export function judgeByNode(data: Buffer, method: string): NodeVerdict {
  const verdict: NodeVerdict = {
    ...{ error: undefined, status: undefined, version: undefined },
    ...{ rawHeaders: [], body: Buffer.alloc(0), complete: false },
  }
  const parser = new HTTPParser()
  parser.initialize(HTTPParser.RESPONSE!, {})
  parser[HTTPParser.kOnHeaders! | 0] = (fields: string[]) => void verdict.rawHeaders.push(...fields)
  parser[HTTPParser.kOnHeadersComplete! | 0] = (
    major: number,
    minor: number,
    fields: string[] | undefined,
    _method: unknown,
    _url: unknown,
    status: number,
  ) => {
    if (verdict.complete || status < 200) return 0
    verdict.version = `${major}.${minor}`
    verdict.status = status
    if (fields) verdict.rawHeaders.push(...fields)
    // 1: no body follows, even if the header announces one.
    return method === 'HEAD' ? 1 : 0
  }
  parser[HTTPParser.kOnBody! | 0] = (chunk: Buffer) => {
    if (!verdict.complete) verdict.body = Buffer.concat([verdict.body, chunk])
  }
  parser[HTTPParser.kOnMessageComplete! | 0] = () => {
    verdict.complete ||= verdict.status !== undefined
  }
  const outcome = parser.execute(data)
  if (outcome instanceof Error) verdict.error = (outcome as NodeJS.ErrnoException).code
  return verdict
}
