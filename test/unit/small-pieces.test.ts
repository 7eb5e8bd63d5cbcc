import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { readBody as readChecked } from '../../src/checks/http/body.js'
import { readBody as readProbed } from '../../src/cli/exporter/probe/http-body.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const pieces = 500_000

/** A body in pieces of one byte. `grown` is what it takes when it is all there, in MB. */
function dripping() {
  const body = {
    grown: 0,
    async *[Symbol.asyncIterator]() {
      collect()
      const before = process.memoryUsage().heapUsed
      for (let i = 0; i < pieces; i++) yield Buffer.from('x')
      collect()
      body.grown = (process.memoryUsage().heapUsed - before) / 2 ** 20
    },
  }
  return body
}

// An object for each would be fifty times as large as the body.
test('a body in pieces of one byte takes little more memory than one in large pieces', async () => {
  const checked = dripping()
  const answer = { statusCode: 200, httpVersion: '1.1', headers: {}, headersDistinct: {}, body: checked }
  expect((await readChecked(answer, pieces, true)).text).toHaveLength(pieces)
  const probed = dripping()
  expect((await readProbed(probed, {}, true)).text).toHaveLength(pieces)
  expect([checked.grown, probed.grown].filter(grown => grown > 10)).toEqual([])
}, 60_000)
