import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import * as sources from '../../src/index.js'
import { closedPort } from './http-servers.js'

const run = promisify(execFile)
const cwd = fileURLToPath(new URL('../..', import.meta.url))

/** Both builds as a user's program loads them. tools/test/run.mjs compiles them. */
describe.each([
  ['ESM', 'module', (entry: string) => `await import('./dist/${entry}.js')`],
  ['CommonJS', 'commonjs', (entry: string) => `require('./dist/${entry}.cjs')`],
])('the %s build', (_name, type, load) => {
  const evaluate = async (program: string) => {
    const { stdout } = await run(process.execPath, [`--input-type=${type}`, '-e', program], { cwd })
    return JSON.parse(stdout)
  }

  test('opens sockets', async () => {
    const options = JSON.stringify({ host: '127.0.0.1', port: closedPort, device: 'lo' })
    const program = `const { checkTcp } = ${load('index')}
      checkTcp(${options}).then(result => console.log(JSON.stringify(result)))`
    expect(await evaluate(program)).toMatchObject({ ok: false, error: { code: 'ECONNREFUSED', device: 'lo' } })
  })

  test('finds undici', async () => {
    const url = `http://127.0.0.1:${closedPort}/`
    const program = `const { fetch } = ${load('undici')}
      fetch('${url}', { device: 'lo' }).catch(({ cause }) => console.log(JSON.stringify(cause)))`
    expect(await evaluate(program)).toMatchObject({ code: 'ECONNREFUSED', device: 'lo' })
  })
})

/** Runs a program that uses the package, and returns its output, parsed as JSON. */
async function program(text: string): Promise<unknown> {
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', text], { cwd })
  return JSON.parse(stdout)
}

test('import and require in one process share one netvia', async () => {
  const found = await program(`
    import { createRequire } from 'node:module'
    import * as imported from 'netvia'
    const required = createRequire(import.meta.url)('netvia')
    const attempts = [imported, required].map(({ connect }) => connect({ host: '127.0.0.1', port: ${closedPort} }))
    const errors = (await Promise.allSettled(attempts)).map(({ reason }) => reason)
    console.log(JSON.stringify({
      names: [Object.keys(imported).sort(), Object.keys(required).sort()],
      codes: errors.map(({ code }) => code),
      instances: errors.flatMap(error => [error instanceof imported.NetviaError, error instanceof required.NetviaError]),
      constructors: errors.flatMap(({ constructor }) => [imported, required].map(netvia => constructor === netvia.NetviaError)),
    }))`)
  const { names, codes, instances, constructors } = found as Record<string, unknown[]>
  expect(names![0]).toEqual(names![1])
  expect(names![0]).toEqual(Object.keys(sources).sort())
  expect(codes).toEqual(['ECONNREFUSED', 'ECONNREFUSED'])
  expect(instances).toEqual([true, true, true, true])
  expect(constructors).toEqual([true, true, true, true])
})

test('two copies with one addon, as in test runners, both get events of their sockets', async () => {
  const found = await program(`
    import { createRequire } from 'node:module'
    const require = createRequire(import.meta.url)
    const options = { servers: ['127.0.0.1:${closedPort}'] }
    const codes = []
    for (let i = 0; i < 2; i++) {
      codes.push(await require('netvia').resolve('name.test', options).catch(({ code }) => code))
      for (const file of Object.keys(require.cache)) if (!file.endsWith('.node')) delete require.cache[file]
    }
    console.log(JSON.stringify(codes))`)
  expect(found).toEqual(['ECONNREFUSED', 'ECONNREFUSED'])
})

test('imported classes can be constructed, extended and used with instanceof', async () => {
  const found = await program(`
    import http from 'node:http'
    import https from 'node:https'
    import { HttpAgent, HttpsAgent, NetviaError, UplinkMonitor, via } from 'netvia'
    class Own extends HttpAgent { getName(options) { return 'own ' + super.getName(options) } }
    const own = new Own({ device: 'lo', maxSockets: 7 })
    const agents = [new HttpAgent(), own, new HttpsAgent(), new (via('lo').HttpAgent)()]
    let refused
    try { HttpAgent() } catch (error) { refused = error.name }
    console.log(JSON.stringify([
      agents.map(agent => agent instanceof HttpAgent),
      agents.map(agent => agent instanceof http.Agent),
      agents[2] instanceof HttpsAgent && agents[2] instanceof https.Agent,
      [own.maxSockets, own.getName({ host: 'a', port: 1 }), own.constructor.name],
      [NetviaError.name, new NetviaError('x', { code: 'Y' }).code, typeof UplinkMonitor.prototype.start],
      refused,
      (HttpAgent.label = 'its own', via('lo').HttpAgent.label),
      Object.keys(Object.getOwnPropertyDescriptors(UplinkMonitor)).includes('prototype'),
    ]))`)
  expect(found).toEqual([
    [true, true, false, true],
    [true, true, true, true],
    true,
    [7, expect.stringMatching(/^own a:1.*lo/), 'Own'],
    ['NetviaError', 'Y', 'function'],
    'TypeError',
    'its own',
    true,
  ])
})

test("imports are the library's own objects", async () => {
  const found = await program(`
    import { createRequire } from 'node:module'
    import * as imported from 'netvia'
    const required = createRequire(import.meta.url)('netvia')
    const { UplinkMonitor, checkTcp, ping } = imported
    const monitor = new UplinkMonitor({ uplinks: [{ name: 'a', checks: [{ type: 'ping', host: '127.0.0.1' }] }] })
    console.log(JSON.stringify([
      Object.keys(imported).filter(name => imported[name] !== required[name]),
      monitor.constructor === UplinkMonitor,
      [ping.name, ping.length, checkTcp.length],
      String(UplinkMonitor).startsWith('class'),
    ]))`)
  expect(found).toEqual([[], true, ['ping', sources.ping.length, sources.checkTcp.length], true])
})

test('stack traces show the sources if Node reads source maps', async () => {
  const text = `import { connect } from 'netvia'; await connect({ host: '127.0.0.1', port: ${closedPort} })`
  const { stderr } = await run(process.execPath, ['--enable-source-maps', '--input-type=module', '-e', text], {
    cwd,
  }).catch(error => error)
  expect(stderr).toMatch(/src\/protocols\/tcp\/dial\.ts:\d+/)
})

test("importing loads neither the addon nor Node's expensive modules, and a ping does not load the latter", async () => {
  const found = await program(`
    import * as netvia from 'netvia'
    console.log(JSON.stringify(process.moduleLoadList))`)
  const costly = ['net', 'tls', 'http', 'https', 'dgram', 'dns', 'crypto', 'zlib', 'cluster'].map(
    name => `NativeModule ${name}`,
  )
  expect((found as string[]).filter(name => costly.includes(name))).toEqual([])
  // Some Nodes load one of them by themselves.
  const byNode = (await program('console.log(JSON.stringify(process.moduleLoadList))')) as string[]
  const byPing = await program(`
    import { ping } from 'netvia'
    await ping('127.0.0.1').catch(() => {})
    console.log(JSON.stringify([...process.moduleLoadList]))`)
  const notForPing = [
    ...costly,
    ...['perf_hooks', 'timers/promises', 'diagnostics_channel'].map(name => `NativeModule ${name}`),
  ]
  expect((byPing as string[]).filter(name => notForPing.includes(name) && !byNode.includes(name))).toEqual([])
  const report = await program(`
    import 'netvia'
    console.log(JSON.stringify(process.report.getReport().sharedObjects))`)
  expect((report as string[]).filter(name => name.endsWith('.node'))).toEqual([])
})

test('an uncaught error shows its own line and the function names in its stack', async () => {
  const text = `import { connect } from 'netvia'; await connect({ host: '127.0.0.1', port: ${closedPort} })`
  const { stderr } = await run(process.execPath, ['--input-type=module', '-e', text], { cwd }).catch(error => error)
  expect(stderr).toContain('NetviaError: connect ECONNREFUSED')
  expect(stderr).toMatch(/ at .*dialInTime/)
  expect(Math.max(...stderr.split('\n').map((line: string) => line.length))).toBeLessThan(500)
})
