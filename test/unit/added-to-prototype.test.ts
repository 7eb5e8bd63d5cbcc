import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const library = fileURLToPath(new URL('../../dist/lib/index.cjs', import.meta.url))

/** A program that uses late-loaded parts of the library, and functions that set socket options. */
const program = `
  const server = require('node:http').createServer((request, response) => response.end('ok')).listen(0, '127.0.0.1', async () => {
    const { port } = server.address()
    const { checkHttp, connect, ping, scanPorts } = netvia
    const http = await checkHttp('http://127.0.0.1:' + port, { expectBody: 'ok' })
    const socket = await connect({ host: '127.0.0.1', port, socketOptions: { TCP_SYNCNT: 3 } })
    const { outcome } = await ping('127.0.0.1')
    const open = await scanPorts('127.0.0.1', { ports: [port] }).open()
    console.log(JSON.stringify([http.ok, socket.destroy().destroyed, outcome, open.length]))
    server.close()
  })`
const add = 'Object.prototype.added = () => {}'
const load = `const netvia = require(${JSON.stringify(library)})`

describe('properties that a program adds to Object.prototype are neither socket options nor exports', () => {
  test.each([
    ['before it loads the library', [add, load]],
    ['later', [load, add]],
  ])('%s', (_when, beginning) => {
    const output = execFileSync(process.execPath, ['-e', [...beginning, program].join('\n')], { encoding: 'utf8' })
    expect(JSON.parse(output)).toEqual([true, true, 'reply', 1])
  })
})
