import { createInterface } from 'node:readline'
import { describe, expect, it, test } from 'vitest'
import { netvia, objects, startCli } from './cli-process.js'
import { kindsOfLines, schemaErrors } from './cli-schema.js'
import { a, fakeServer } from './dns-fake-server.js'
import { closedPort, httpServer } from './http-servers.js'
import { fileOf } from './monitor-command.js'
import { requires } from './requirements.js'

const seen = new Set<string>()

/** Runs a subcommand with --json. Every line must match the schema. */
async function printed(...[command, ...args]: string[]): Promise<void> {
  const lines = objects(await netvia([command!, '--json', ...args]))
  expect(lines).not.toEqual([])
  expect(await schemaErrors(lines)).toEqual([])
  for (const line of lines) seen.add(`${line.command} ${line.event}`)
}

describe('every line that --json prints matches the schema:', () => {
  test('http, connect and scan', async () => {
    const port = await httpServer((request, response) => {
      response.statusCode = request.url === '/missing' ? 404 : 200
      response.end('hello')
    })
    await printed('http', '-I', 'lo', `http://127.0.0.1:${port}/`, `http://127.0.0.1:${port}/missing`)
    await printed('http', `http://127.0.0.1:${closedPort}/`, '-I', 'nosuch0', '-I', 'lo')
    await printed('connect', '-c', '2', '127.0.0.1', String(port))
    await printed('connect', '-I', 'lo', '127.0.0.1', String(closedPort))
    await printed('scan', '-a', '-p', `${port},${closedPort}`, '127.0.0.1')
    await printed('scan', '-a', '-p', `${port},${closedPort}`, '127.0.0.1', '127.255.255.255')
  })

  test('dns', async () => {
    const dns = await fakeServer(({ question: { name, type } }) => {
      if (name === 'nowhere.test') return { rcode: 3 }
      if (type === 'MX') return { answers: [{ type, name, ttl: 60, data: { preference: 10, exchange: 'mail.test' } }] }
      return { answers: [a(name, '192.0.2.7', 300)] }
    })
    const server = `@${dns.server}`
    await printed('dns', 'www.test', 'nowhere.test', server)
    await printed('dns', '-t', 'MX', 'www.test', server)
    await printed('http', '--server', dns.server, 'http://nowhere.test/')
    dns.close()
  })

  test('ping, sweep and trace', async context => {
    requires(context, 'ping')
    await printed('ping', '-c', '2', '-i', '0.01', '-I', 'lo', '127.0.0.1')
    await printed('ping', '-c', '1', '-I', 'nosuch0', '127.0.0.1')
    await printed('sweep', '127.0.0.1', '127.0.0.2')
    await printed('trace', '-n', '127.0.0.1')
    await printed('mtr', '-n', '-u', '--flows', '2', '-c', '1', '127.0.0.1')
  })

  test('devices and doctor', async () => {
    await printed('devices')
    await printed('doctor', '-I', 'lo')
    const child = startCli(['devices', '-w', '-I', 'lo', '--json'])
    child.stdout!.once('data', () => child.kill('SIGTERM'))
    expect(await schemaErrors(objects(await child.ended))).toEqual([])
  })

  test('exporter', async () => {
    const file = fileOf('modules: { alive: { prober: icmp } }', 'blackbox.yml')
    await printed('exporter', '--check', '-c', file)
    const child = startCli(['exporter', '-c', file, '--listen', '0', '--json'])
    child.stdout!.once('data', () => child.kill('SIGTERM'))
    const lines = objects(await child.ended)
    expect(await schemaErrors(lines)).toEqual([])
    for (const { command, event } of lines) seen.add(`${command} ${event}`)
  })

  test('line', async () => {
    const child = startCli(['line', '--serve', '--listen', '127.0.0.1', '-p', '0', '--json'])
    const [listening] = await new Promise<Record<string, unknown>[]>(resolve =>
      createInterface(child.stdout!).once('line', line => resolve(objects({ stdout: line } as never))),
    )
    const dns = await fakeServer(() => ({ rcode: 3 }))
    const stun = `127.0.0.1:${listening!.port}`
    await printed('line', '--dns-server', dns.server, '--stun', stun, '--mtu', '127.0.0.1')
    await printed('line', '--dns-server', dns.server, '-I', 'nosuch0')
    dns.close()
    child.kill('SIGTERM')
    expect(await schemaErrors([listening!])).toEqual([])
    await child.ended
    seen.add('line listening')
  })

  test('bad usage that only the library detects', async () => {
    await printed('connect', '127.0.0.1')
  })

  it('covers each kind of line', async context => {
    requires(context, 'ping')
    // The laboratory's tests cover changes of devices. The monitor, its history and the proxy have their own tests.
    const elsewhere = /^(devices change|(monitor|status|force|report|proxy) \w+)$/
    const kinds = (await kindsOfLines()).filter(({ command }) => command !== undefined)
    const unseen = kinds.map(({ command, event }) => `${command} ${event}`).filter(kind => !seen.has(kind))
    expect(unseen.filter(kind => !elsewhere.test(kind))).toEqual([])
  })
})

describe('the schema', () => {
  it('has lines of every subcommand that takes --json', async () => {
    const { stdout } = await netvia(['--help'])
    const names = [...stdout.matchAll(/^ {2}([a-z]+)(?= (?:\[|<| ))/gm)].map(match => match[1]!)
    const known = new Set((await kindsOfLines()).map(({ command }) => command))
    for (const name of names.filter(name => name !== 'help')) {
      const help = await netvia([name, '--help'])
      expect({ name, known: known.has(name) }).toEqual({ name, known: /^ {2}--json/m.test(help.stdout) })
    }
  })

  it('rejects an unknown field, a missing one, and another version', async () => {
    const [line] = objects(await netvia(['devices', '-I', 'lo', '--json']))
    const { mtu: _mtu, ...less } = line!
    expect(await schemaErrors([line!])).toEqual([])
    for (const wrong of [{ ...line, more: 1 }, less, { ...line, schema: 2 }, { ...line, event: 'result' }]) {
      expect(await schemaErrors([wrong])).toHaveLength(1)
    }
  })
})
