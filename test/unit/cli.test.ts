import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, it, onTestFinished, test } from 'vitest'
import { netvia, objects, startCli } from './cli-process.js'
import { a, fakeServer } from './dns-fake-server.js'
import { closedPort, httpServer } from './http-servers.js'

const subcommands = [
  'ping',
  'sweep',
  'trace',
  'connect',
  'http',
  'dns',
  'scan',
  'devices',
  'doctor',
  'schema',
  'completion',
  'man',
]

async function server(): Promise<string> {
  const port = await httpServer((request, response) => {
    response.statusCode = request.url === '/missing' ? 404 : 200
    response.end('hello')
  })
  return `http://127.0.0.1:${port}`
}

describe('the command line', () => {
  it('shows its version and all its subcommands', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
    expect(await netvia(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` })
    const { code, stdout } = await netvia(['--help'])
    expect(code).toBe(0)
    expect(await netvia(['help'])).toMatchObject({ code: 0, stdout })
    expect(await netvia(['help', 'ping'])).toMatchObject({ code: 0, stdout: (await netvia(['ping', '--help'])).stdout })
    for (const name of subcommands) expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'))
  })

  test.each([
    [[], 'Usage:'],
    [['pong'], 'unknown command \'pong\'\n(Did you mean ping?)\nTry "netvia --help".\n'],
    [['help', 'pong'], 'unknown command \'pong\'\n(Did you mean ping?)\nTry "netvia --help".\n'],
    [['ping'], `netvia: missing required argument 'host'\nTry "netvia ping --help".\n`],
    [
      ['ping', '-c', 'many', '127.0.0.1'],
      "option '-c, --count <number>' argument 'many' is invalid: it must be a number\n",
    ],
    [['ping', '-c', '0', '127.0.0.1'], "argument '0' is invalid: it must be an integer from 1 to 2147483648\n"],
    [['ping', '-W', '0', '127.0.0.1'], "option '-W, --timeout <seconds>' argument '0' is invalid"],
    [['ping', 'http://127.0.0.1/'], "invalid for argument 'host': it must be a name or an address, not a URL\n"],
    [['ping', '-4', '::1'], '::1 is not an IPv4 address'],
    [['ping', '-4', '-6', '127.0.0.1'], "option '-4' cannot be used with option '-6'"],
    [['ping', '-I', '127.0.0.1', '127.0.0.1'], '--source takes an address'],
    [['ping', '--wait', '127.0.0.1'], "unknown option '--wait'"],
    [['http', 'ftp://127.0.0.1/'], 'the url must be an http or https URL'],
    [['http', '--mark', '-1', 'http://127.0.0.1/'], "option '--mark <number>' argument '-1' is invalid"],
    [['connect', '127.0.0.1'], 'netvia: connect: a port is needed, as "host port" or "host:port"\n'],
    [
      ['connect', '127.0.0.1', '99999'],
      "'99999' is invalid for argument 'port': it must be an integer from 1 to 65535",
    ],
    [['connect', '127.0.0.1', 'http'], "'http' is invalid for argument 'port': it must be a number"],
    [['dns', '@nameserver', 'server.test'], "'@nameserver' is invalid for argument 'name'"],
    [['dns', '@127.0.0.1', 'MX'], 'netvia: dns: a name is needed\n'],
    [['dns', 'server.test', 'mx', 'TXT'], 'netvia: dns: one record type at a time; got MX and TXT\n'],
    [['dns', '-x', 'server.test'], 'netvia: dns: -x/--reverse takes addresses\n'],
    [['dns', '-t', 'B', 'server.test'], "option '-t, --type <type>' argument 'B' is invalid"],
    [['sweep', '-r', '-1', '127.0.0.1'], "option '-r, --retry <number>' argument '-1' is invalid"],
    [['sweep', '-g', '127.0.0.1'], '-g/--generate must be a block, or first and last address'],
    [['sweep'], 'netvia: sweep: no targets in standard input\n'],
    [['sweep', '-f', '/dev/null'], 'netvia: sweep: no targets in /dev/null\n'],
    [['sweep', '-a', '-u', '127.0.0.1'], "option '-u, --unreach' cannot be used with option '-a, --alive'"],
    [['sweep', '-f', '-', '127.0.0.1'], 'left out with -f/--file'],
    [['trace', '-p', '80', '127.0.0.1'], 'port must be left out with method icmp'],
    [['trace', '-M', 'sctp', '127.0.0.1'], "option '-M, --method <method>' argument 'sctp' is invalid"],
    [['scan', '127.0.0.*'], 'scan: target must be a name, an address, a block (192.0.2.0/24) or a range'],
    [['scan', 'http://127.0.0.1/'], 'it must be a name or an address, not a URL\n'],
    [
      ['ping', '127.0.0.*'],
      "netvia: '127.0.0.*' is invalid for argument 'host': it must be a name or an address; several",
    ],
    [['trace', '127.0.0.1-9'], 'several, such as 192.0.2.0/24, are for sweep\n'],
    [['sweep', '127.0.0.*'], 'a block (192.0.2.0/24) or a range (192.0.2.1-192.0.2.9); got "127.0.0.*"\n'],
    [['scan', '-p', '80-22', '127.0.0.1'], "option '-p, --ports <list>' argument '80-22' is invalid"],
  ])('%j is bad usage, with the reason', async (args, text) => {
    const { code, stdout, stderr } = await netvia(args)
    expect(stderr).toContain(text)
    expect(stdout).toBe('')
    expect(code).toBe(3)
  })

  it.each([[], ['ping'], ['http'], ['monitor']])('%s --help fits a narrow terminal', async (...names) => {
    const { stdout } = await netvia([...names, '--help'], { env: { COLUMNS: '60' } })
    expect(Math.max(...stdout.split('\n').map(line => line.length))).toBeLessThanOrEqual(60)
  })
})

describe('http', () => {
  it('prints plain lines in a pipe', async () => {
    const url = await server()
    const { code, stdout, stderr } = await netvia(['http', '-I', 'lo', url])
    const [head, row, ...rest] = stdout.trimEnd().split('\n')
    expect(head).toMatch(/^uplink +status +dns +connect +tls +first byte +total +server +certificate$/)
    expect(row).toMatch(/^lo +200 +- +[\d.]+ ms +- +[\d.]+ ms +[\d.]+ ms +127\.0\.0\.1 +-$/)
    expect({ rest, stderr, code }).toEqual({ rest: [], stderr: '', code: 0 })
  })

  it('prints objects of a known schema with --json', async () => {
    const url = await server()
    const ended = await netvia(['http', '--json', '-I', 'lo', `${url}/missing`])
    expect(objects(ended)).toEqual([
      expect.objectContaining({
        schema: 1,
        command: 'http',
        event: 'result',
        url: `${url}/missing`,
        device: 'lo',
        ok: false,
        status: 404,
        error: expect.objectContaining({ code: 'ERR_HTTP_STATUS', message: expect.stringContaining('404') }),
        timings: expect.objectContaining({ totalMs: expect.any(Number) }),
      }),
    ])
    expect(ended.code).toBe(1)
  })

  it('exits with 0, 1, 2, 4 for good, unreachable, not found, local error, and the worst of several', async () => {
    const url = await server()
    const dns = await fakeServer(() => ({ rcode: 3 }))
    const codeOf = async (...args: string[]) => (await netvia(['http', ...args])).code
    expect(await codeOf(url)).toBe(0)
    expect(await codeOf(`http://127.0.0.1:${closedPort}`)).toBe(1)
    expect(await codeOf('--expect-status', '404', `${url}/missing`)).toBe(0)
    expect(await codeOf('--expect-body', 'goodbye', url)).toBe(1)
    expect(await codeOf('--server', dns.server, 'http://nowhere.test/')).toBe(2)
    expect(await codeOf('--server', dns.server, url, 'http://nowhere.test/')).toBe(2)
    expect(await codeOf('-I', 'nosuch0', '-I', 'lo', url)).toBe(4)
    expect(await codeOf('--cacert', '/nonexistent.pem', url)).toBe(4)
    dns.close()
  })

  it('continues over the other devices if one fails, and says which', async () => {
    const url = await server()
    const { stdout, stderr } = await netvia(['http', '-I', 'nosuch0', '-I', 'lo', url])
    expect(stdout).toMatch(/^nosuch0 +failed$/m)
    expect(stdout).toMatch(/^lo +200 /m)
    expect(stderr).toMatch(/^nosuch0: .*ENODEV/m)
  })

  it('fits narrow terminals: drops columns first, then turns rows into lists', async () => {
    const url = await server()
    const longest = async (columns: number) => {
      const { stdout } = await netvia(['http', '-I', 'lo', url], { env: { COLUMNS: String(columns) } })
      const lines = stdout.trimEnd().split('\n')
      return { lines, width: Math.max(...lines.map(line => line.length)) }
    }
    const narrower = await longest(75)
    expect(narrower.lines).toHaveLength(2)
    expect(narrower.lines[0]).not.toContain('certificate')
    expect(narrower.width).toBeLessThanOrEqual(75)
    const list = await longest(40)
    expect(list.lines).toContain('  status       200')
    expect(list.width).toBeLessThanOrEqual(40)
  })

  it('has colours only if they are wanted', async () => {
    const url = await server()
    const colored = async (env: NodeJS.ProcessEnv) => (await netvia(['http', url], { env })).stdout.includes('\x1b[')
    expect(await colored({})).toBe(false)
    expect(await colored({ FORCE_COLOR: '1' })).toBe(true)
    expect(await colored({ FORCE_COLOR: '1', NO_COLOR: '1' })).toBe(false)
  })

  it('sends the method and headers it is given', async () => {
    const port = await httpServer((request, response) => {
      response.end(`${request.method} ${request.headers['x-test']} ${request.headers.accept}`)
    })
    const body = 'PUT a: b, c text/plain'
    const args = ['-X', 'PUT', '-H', 'X-Test: a: b', '-H', 'x-test: c', '-H', 'Accept:text/plain']
    const { code, stdout } = await netvia(['http', ...args, '--expect-body', body, `http://127.0.0.1:${port}`])
    expect(stdout).toMatch(/ 200 /)
    expect(code).toBe(0)
  })

  it('shows partial results when it is interrupted', async () => {
    let quick = 0
    const port = await httpServer((request, response) => {
      if (request.url !== '/quick') return
      // When the second request arrives, the answer to the first has been read.
      if (++quick === 2) child.kill('SIGINT')
      else response.end()
    })
    const child = startCli(['http', `http://127.0.0.1:${port}/quick`, '-c', '2', `http://127.0.0.1:${port}/slow`])
    const { signal, stdout, stderr } = await child.ended
    expect(stdout).toMatch(/^default +\S+\/quick +\d\/\d +200 /m)
    expect(stdout).toMatch(/^default +\S+\/slow +0\/0 +…$/m)
    expect({ signal, stderr }).toEqual({ signal: 'SIGINT', stderr: '' })
  })

  it('with -q returns only an exit code', async () => {
    const url = await server()
    expect(await netvia(['http', '-q', `${url}/missing`])).toEqual({ code: 1, signal: null, stdout: '', stderr: '' })
  })
})

describe('connect', () => {
  it('takes host and port in one word or in two', async () => {
    const { host } = new URL(await server())
    for (const args of [[host], host.split(':')]) {
      const { code, stdout } = await netvia(['connect', '-I', 'lo', ...args])
      expect(stdout).toMatch(new RegExp(`^lo +connected +[\\d.]+ ms +[\\d.]+ ms +127\\.0\\.0\\.1:\\d+ +${host}$`, 'm'))
      expect(code).toBe(0)
    }
  })

  it('says what refused the connection', async () => {
    const { code, stdout } = await netvia(['connect', '127.0.0.1', String(closedPort)])
    expect(stdout).toMatch(/^default +ECONNREFUSED/m)
    expect(code).toBe(1)
  })
})

describe('dns', () => {
  it('asks the @server, and prints its records', async () => {
    const dns = await fakeServer(({ question }) => ({ answers: [a(question.name, '192.0.2.7', 300)] }))
    const { code, stdout } = await netvia(['dns', '-I', 'lo', 'www.test', `@${dns.server}`])
    expect(stdout).toMatch(new RegExp(`^lo +[\\d.]+ ms +${dns.server} +300 +192\\.0\\.2\\.7$`, 'm'))
    expect(code).toBe(0)
    const [object] = objects(await netvia(['dns', '--json', 'www.test', `@${dns.server}`]))
    expect(object).toMatchObject({
      name: 'www.test',
      server: dns.server,
      answers: [{ address: '192.0.2.7', ttl: 300 }],
    })
    dns.close()
  })

  it('accepts types like dig, and -x for the name of an address', async () => {
    const dns = await fakeServer(({ question: { name, type } }) => ({
      answers: [{ type: type as 'PTR', name, ttl: 300, data: 'told.test' }],
    }))
    const askedFor = async (...args: string[]) => {
      const { code, stdout } = await netvia(['dns', `@${dns.server}`, ...args])
      expect(stdout).toMatch(/ told\.test$/m)
      expect(code).toBe(0)
      // On a busy machine, a question is asked twice.
      return [...new Set(dns.asked.splice(0).map(({ question: { type, name } }) => `${type} ${name}`))]
    }
    expect(await askedFor('www.test', 'cname')).toEqual(['CNAME www.test'])
    expect(await askedFor('-x', '192.0.2.7')).toEqual(['PTR 7.2.0.192.in-addr.arpa'])
    expect(await askedFor('-t', 'NS', 'mx')).toEqual(['NS mx'])
    dns.close()
  })

  it('exits with 2 for a name that does not exist, and with 1 if the server does not answer', async () => {
    const dns = await fakeServer(({ question }) => (question.name === 'silent.test' ? undefined : { rcode: 3 }))
    expect(await netvia(['dns', 'nowhere.test', `@${dns.server}`])).toMatchObject({ code: 2 })
    expect(await netvia(['dns', '-W', '300ms', 'silent.test', `@${dns.server}`])).toMatchObject({ code: 1 })
    dns.close()
  })
})

describe('scan', () => {
  it('prints the open ports, with -a the others too', async () => {
    const { port } = new URL(await server())
    const list = `${port},${closedPort}`
    const open = await netvia(['scan', '-p', list, '127.0.0.1'])
    expect(open.stdout).toMatch(new RegExp(`^ *${port} +open +[\\d.]+ ms$`, 'm'))
    expect(open.stdout).not.toMatch(new RegExp(`^ *${closedPort} `, 'm'))
    expect(open.stdout).toMatch(/: 2 ports in [\d.]+ ms: 1 open, 1 closed, 0 filtered$/m)
    expect(open.code).toBe(0)
    const all = await netvia(['scan', '-a', '-I', 'lo', '-p', list, '127.0.0.1'])
    expect(all.stdout).toMatch(new RegExp(`^ *${closedPort} +closed`, 'm'))
    expect(await netvia(['scan', '-q', '-p', list, '127.0.0.1'])).toMatchObject({ code: 0, stdout: `${port}\n` })
    expect(await netvia(['scan', '-q', '-p', String(closedPort), '127.0.0.1'])).toMatchObject({ code: 1, stdout: '' })
  })

  it('prints a line for each open port of many hosts', async () => {
    const { port } = new URL(await server())
    const many = ['scan', '-p', `${port},${closedPort}`, '127.0.0.1-127.0.0.3', '127.0.0.4/31']
    const open = await netvia(many)
    expect(open.stdout).toMatch(new RegExp(`^127.0.0.1:${port} open [\\d.]+ ms$`, 'm'))
    expect(open.stdout).toMatch(/^10 ports in [\d.]+ ms: 1 open on 1 host, 9 closed, 0 filtered, 0 not sent$/m)
    expect(open.stdout.split('\n').length).toBe(3)
    expect(open.code).toBe(0)
    expect(await netvia([...many, '-q'])).toMatchObject({ code: 0, stdout: `127.0.0.1:${port}\n` })
    expect((await netvia([...many, '-a'])).stdout).toMatch(new RegExp(`^127.0.0.5:${closedPort} closed`, 'm'))
    const printed = objects(await netvia([...many, '--json', '-I', 'lo']))
    expect(printed).toEqual([
      expect.objectContaining({ event: 'result', host: '127.0.0.1', port: Number(port), state: 'open', device: 'lo' }),
      expect.objectContaining({ event: 'summary', hosts: 1, open: 1, closed: 9, filtered: 0, unsent: 0 }),
    ])
    expect((await netvia(['scan', '-q', '-p', String(closedPort), '127.0.0.1/32', '127.0.0.2'])).code).toBe(1)
  })

  it('says why it skipped the ports of a host', async () => {
    const { port } = new URL(await server())
    const ended = await netvia(['scan', '-p', port, '127.0.0.1', '127.255.255.255'])
    expect(ended.stderr).toMatch(/^connect ENETUNREACH/m)
    expect(ended.stdout).toMatch(/: 1 open on 1 host, 0 closed, 0 filtered, 1 not sent$/m)
    expect(ended.code).toBe(1)
  })

  it('accepts -p- for all ports, and reports no unsent ports', async () => {
    // An address that only this test uses, because other tests run servers on 127.0.0.1.
    const host = '127.67.76.73'
    const server = createServer(socket => socket.on('error', () => {})).listen(0, host)
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const [summary] = objects(await netvia(['scan', '--json', '-p-', host])).slice(-1)
    expect(Number(summary!.open) + Number(summary!.closed) + Number(summary!.filtered)).toBe(65_535)
    expect((await netvia(['scan', '-q', '-p-', host])).stdout.split('\n')).toContain(String(port))
    expect(await netvia(['scan', '-I', 'nosuch0', '127.0.0.1'])).toMatchObject({ code: 4, stdout: '' })
  })
})

describe('http, connect and dns', () => {
  it('measure several times with -c, and count successes', async () => {
    let asked = 0
    const port = await httpServer((_request, response) => {
      response.statusCode = ++asked % 2 ? 200 : 500
      response.end()
    })
    const { code, stdout } = await netvia(['http', '-c', '3', `http://127.0.0.1:${port}/`])
    expect(stdout).toMatch(/^default +2\/3 +200 /m)
    // The reason is shown once, however often it occurred.
    expect(stdout.match(/the status is 500/g)).toHaveLength(1)
    expect(code).toBe(1)
    expect(objects(await netvia(['connect', '--json', '-c', '4', `127.0.0.1:${port}`]))).toHaveLength(4)
  })
})

describe('devices', () => {
  it('lists all, or the requested one', async () => {
    const { code, stdout } = await netvia(['devices', '-I', 'lo'])
    expect(stdout).toMatch(/^device +state +addresses/)
    expect(stdout).toMatch(/^lo +up +127\.0\.0\.1\/8/m)
    expect(code).toBe(0)
    const found = objects(await netvia(['devices', '--json']))
    expect(found).toContainEqual(expect.objectContaining({ schema: 1, event: 'device', name: 'lo', kind: 'loopback' }))
    expect(await netvia(['devices', '-I', 'nosuch0'])).toMatchObject({ code: 4, stdout: '' })
  })

  it('with -w continues until a signal ends it', async () => {
    const child = startCli(['devices', '-w', '-I', 'lo'])
    child.stdout!.once('data', () => child.kill('SIGTERM'))
    expect(await child.ended).toMatchObject({ code: null, signal: 'SIGTERM', stderr: '' })
  })
})

describe('doctor', () => {
  it('ends with a verdict that matches its exit code', async () => {
    const { code, stdout } = await netvia(['doctor', '-I', 'lo'])
    const verdict = code === 0 ? /\n\nNothing to fix: checks work here\.\n/ : /\n\n\d+ things? to fix: .*\.\n/
    expect([0, 4]).toContain(code)
    expect(stdout).toMatch(verdict)
    // The loopback device needs no default route and no name server.
    expect(stdout).not.toMatch(/lo: (default route|name server)/)
  })

  it('fits a narrow terminal, except for commands to copy', async () => {
    const { stdout } = await netvia(['doctor', '-I', 'lo'], { env: { COLUMNS: '44' } })
    const text = stdout.split('\n').filter(line => !/^ {6}(setcap|sysctl|docker|systemd-run|echo) /.test(line))
    expect(Math.max(...text.map(line => line.length))).toBeLessThanOrEqual(44)
    expect(stdout).toMatch(/^(yes|no|note) .*\n {6}\S/m)
  })
})
