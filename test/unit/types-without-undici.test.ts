import { join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { root, typeErrors } from './type-program.js'

/** The type errors of a program, with or without `undici`. */
function errors(source: string, undici: boolean): string[] {
  const hidden = (name: string) => !undici && /node_modules\/undici(\/|$)/.test(name)
  return typeErrors(ts, source, hidden).map(({ text }) => text)
}

const group = `import { UplinkGroup, type UplinkMonitor } from '${join(root, 'dist/index.js')}'
declare const monitor: UplinkMonitor
const group = new UplinkGroup(monitor, { policy: 'failover' })
const response: Response = await group.fetch('http://name.test/', { method: 'POST', body: 'x', key: 'k' })
export const text: string = await response.text()
`

test('a program without undici compiles, even without skipLibCheck', { timeout: 180_000 }, () => {
  expect(errors(group, false)).toEqual([])
  const needing = "import type { Agent } from 'undici'\nexport declare const agent: Agent\n"
  expect(errors(needing, false)).toEqual([expect.stringContaining("Cannot find module 'undici'")])
})

test("undici accepts a group's dispatcher", () => {
  const uses = `import { fetch, request, setGlobalDispatcher, type Dispatcher, Request } from 'undici'
setGlobalDispatcher(group.dispatcher)
export const dispatcher: Dispatcher = group.dispatcher
await fetch('http://name.test/', { dispatcher: group.dispatcher })
await request('http://name.test/', { dispatcher: group.dispatcher })
await group.fetch(new Request('http://name.test/'))
`
  expect(errors(group + uses, true)).toEqual([])
})
