import { execFileSync } from 'node:child_process'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { command } from './cli-process.js'

/** Replaces Node's timers like a test library, for CommonJS, ES modules and globals. */
const fake = `
  const timers = require('node:timers')
  const realTimeout = setTimeout
  for (const name of ['setTimeout', 'setInterval', 'setImmediate']) globalThis[name] = timers[name] = () => ({ unref() {} })
  for (const name of ['clearTimeout', 'clearInterval', 'clearImmediate']) globalThis[name] = timers[name] = () => {}
  process.hrtime = () => [1, 0]
  require('node:module').syncBuiltinESMExports()`

const work = `
  realTimeout(() => process.exit(7), 20_000)
  Promise.all([
    netvia.ping('127.0.0.1').then(({ outcome }) => outcome),
    netvia.checkPing('::1', { count: 1 }).then(({ ok }) => ok),
    netvia.scanPorts('127.0.0.1', { ports: [port] }).open(),
    netvia.resolve('localhost', { family: 4 }),
    (async () => { for await (const { reached } of netvia.traceroute('127.0.0.1')) if (reached) return 'reached' })(),
  ]).then(results => {
    console.log(JSON.stringify(results))
    process.exit()
  })`

/** The mock timers of node:test. */
const mocked = `
  const realTimeout = setTimeout
  require('node:test').mock.timers.enable()`

/** Sinon's fake timers also have a promisified form. */
const withPromise = `${fake}
  timers.setImmediate[require('node:util').promisify.custom] = () => new Promise(() => {})`

/** As those of a window, in jsdom and Electron's renderer. */
const numbered = `
  for (const name of ['setTimeout', 'setInterval']) {
    const real = globalThis[name]
    globalThis[name] = (...given) => real(...given)[Symbol.toPrimitive]()
  }
  const realTimeout = setTimeout`

test.each([
  ['whose timers are numbers', numbered, ''],
  ["that replace Node's later", '', fake],
  ["that have already replaced Node's", fake, ''],
  ["with their own promisified form, that have already replaced Node's", withPromise, ''],
  ["from node:test that have already replaced Node's", mocked, ''],
])('fake timers %s stop no packet', async (_what, before, after) => {
  const server = createServer(socket => socket.on('error', () => {}))
  const port = await new Promise<number>(done => {
    server.listen(0, '127.0.0.1', () => done((server.address() as { port: number }).port))
  })
  const path = JSON.stringify(join(dirname(command), 'index.cjs'))
  const program = `const port = ${port}\n${before}\nconst netvia = require(${path})\n${after}\n${work}`
  const printed = execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' })
  server.close()
  expect(JSON.parse(printed)).toEqual(['reply', true, [port], expect.anything(), 'reached'])
})
