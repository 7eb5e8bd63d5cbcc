import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, test } from 'vitest'
import { netvia, objects } from './cli-process.js'
import { a, fakeServer } from './dns-fake-server.js'
import { closedPort, httpServer, tcpServer } from './http-servers.js'

const host = '127.0.0.1'

test.each([
  ['traceroute', 'trace'],
  ['fping', 'sweep'],
  ['dig', 'dns'],
  ['curl', 'http'],
  ['nmap', 'scan'],
  ['tracepath', 'trace'],
])('netvia %s proposes netvia %s', async (tool, subcommand) => {
  const { code, stderr } = await netvia([tool, host])
  expect(stderr).toContain(`unknown command '${tool}'\n(Did you mean ${subcommand}?)\n`)
  expect(code).toBe(3)
})

test.each([
  [['dns', 'a.test', '+trace'], '+trace of dig is not available'],
  [['dns', 'a.test', '+tcp'], 'netvia uses TCP when an answer is truncated'],
  [['dns', '-4', 'a.test'], '-4 of dig is not available; choose the server by its address'],
  [['dns', 'a.test', 'ANY'], 'type ANY is not available; name the type you want, one of A, AAAA'],
  [['dns', 'a.test', 'loc'], 'type LOC is not available'],
  [['dns', 'CH', 'version.bind'], 'class CH is not available'],
  [['dns', '-p', '5353', 'a.test'], '-p needs a server'],
  [['ping', '-U', host], '-U of ping is not available; the kernel stamps both packets'],
  [['http', '-x', 'http://proxy.test/', `http://${host}/`], '-x of curl is not available; netvia connects directly'],
  [['http', '-o', 'page.html', `http://${host}/`], 'it must be /dev/null'],
  [['http', '-w', '%{content_type}', `http://${host}/`], '-w: %{content_type} is not available; known: http_code'],
  [['http', '--resolve', 'a.test:80', 'http://a.test/'], 'it must be host:port:address'],
  [['scan', '-sS', host], '-s of nmap is not available; only -sT is'],
  [['scan', '-oX', 'file', host], '-o of nmap is not available; use -oG or --json'],
  [['scan', '--open', '-a', host], "option '--open' cannot be used with option '-a, --all'"],
  [['sweep', '-c', '2', '-a', host], "option '-c, --count <number>' cannot be used with option '-a, --alive'"],
  [['trace', '-F', host], '-F of traceroute is not available; netvia ping -M do'],
  [['mtr', '-z', host], '-z of mtr is not available'],
])('%j is refused by name, with the alternative', async (args, text) => {
  const { code, stdout, stderr } = await netvia(args)
  expect(stderr).toContain(text)
  expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
})

it('help, manual page and completion omit flags that are only refused', async () => {
  for (const args of [['http', '--help'], ['man'], ['completion', 'bash']]) {
    const { stdout } = await netvia(args)
    expect(stdout).toContain('max')
    expect(stdout).not.toMatch(/--proxy\b/)
  }
})

describe('ping', () => {
  it('-A sends as soon as an answer arrives', async () => {
    const { code, stdout } = await netvia(['ping', '-A', '-q', '-c', '30', host])
    expect(code).toBe(0)
    expect(Number(/time (\d+)ms/.exec(stdout)![1])).toBeLessThan(15_000)
  })

  it('-f prints nothing for answered requests', async () => {
    const { stdout } = await netvia(['ping', '-f', '-c', '20', host])
    expect(stdout).toMatch(/^PING .*\n\n---/)
  })

  it('-l sends the first together', async () => {
    const lines = objects(await netvia(['ping', '--json', '-l', '5', '-c', '6', '-i', '0.5', host]))
    const sent = lines.filter(({ event }) => event === 'result').map(({ sentAt }) => Number(sentAt))
    expect(sent).toHaveLength(6)
    // The first five are sent together, the sixth an interval later.
    expect(sent[4]! - sent[0]!).toBeLessThan(sent[5]! - sent[4]!)
    expect(sent[5]! - sent[4]!).toBeGreaterThan(400)
  })

  it('-v names the clock, -a rings, -O changes nothing', async () => {
    const { stdout, stderr } = await netvia(['ping', '-v', '-a', '-O', '-c', '1', host])
    expect(stdout).toMatch(/time=[\d.]+ ms \[stamped by the (kernel|process)/)
    expect(stderr).toBe('\x07')
  })
})

describe('sweep', () => {
  const targets = ['127.0.0.1', '127.0.0.2']

  it('-c prints a line for each request, and the totals to standard error', async () => {
    const { code, stdout, stderr } = await netvia(['sweep', '-c', '2', '-p', '20', ...targets])
    for (const target of targets) {
      for (const round of [0, 1]) {
        expect(stdout).toMatch(
          new RegExp(`^${target} : \\[${round}\\], 64 bytes, [\\d.]+ ms \\([\\d.]+ avg, 0% loss\\)$`, 'm'),
        )
      }
      expect(stderr).toMatch(new RegExp(`^${target} : xmt/rcv/%loss = 2/2/0%, min/avg/max = [\\d./]+$`, 'm'))
    }
    expect(code).toBe(0)
  })

  it('-C prints all times of a host in one line', async () => {
    const { code, stdout, stderr } = await netvia(['sweep', '-q', '-C', '3', '-p', '20', targets[0]!])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toMatch(/^127\.0\.0\.1 : [\d.]+ [\d.]+ [\d.]+\n$/)
  })

  it('counts rounds in JSON according to the schema', async () => {
    const lines = objects(await netvia(['sweep', '--json', '-c', '2', '-p', '20', targets[0]!]))
    expect(lines.map(({ event, sequence }) => [event, sequence])).toEqual([
      ['result', 0],
      ['result', 1],
      ['summary', undefined],
    ])
    expect(lines[2]).toMatchObject({ alive: 1, unreachable: 0, sent: 2, received: 2, lossRatio: 0 })
  })

  it('-x requires this many hosts', async () => {
    const few = await netvia(['sweep', '-x', '3', ...targets])
    expect(few).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('Not enough hosts reachable (required: 3, reachable: 2)'),
    })
    expect(await netvia(['sweep', '-q', '-x', '2', ...targets])).toMatchObject({ code: 0, stdout: '' })
  })

  it('-A prints the address of a name', async () => {
    const { stdout } = await netvia(['sweep', '-A', '-4', 'localhost'])
    expect(stdout).toBe('127.0.0.1 is alive\n')
  })
})

describe('trace', () => {
  it('takes -T, -U and -i', async () => {
    expect((await netvia(['trace', '-T', '-n', '-i', 'lo', host])).stdout).toMatch(/through lo, 30 hops at most, tcp\n/)
    expect((await netvia(['trace', '-U', '-n', host])).stdout).toMatch(/, 30 hops at most, udp\n/)
  })
})

describe('http', () => {
  async function serve(): Promise<{ url: string; seen: string[] }> {
    const seen: string[] = []
    const port = await httpServer((request, response) => {
      let body = ''
      request.on('data', chunk => {
        body += chunk
      })
      request.on('end', () => {
        seen.push(
          [
            request.method,
            request.headers.host,
            request.headers['user-agent'],
            request.headers['content-type'],
            body,
          ].join(' '),
        )
        if (request.url === '/moved') response.writeHead(303, { location: '/' })
        response.end('hello')
      })
    })
    return { url: `http://${host}:${port}/`, seen }
  }

  it('-w prints its format for each request, and nothing else', async () => {
    const { url } = await serve()
    const { stdout, code } = await netvia([
      'http',
      '-s',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}\\t%{size_download} %{remote_ip}\\n',
      url,
    ])
    expect(stdout).toBe('200\t5 127.0.0.1\n')
    expect(code).toBe(0)
    const times = (await netvia(['http', '-w', '%{time_connect} %{time_starttransfer} %{time_total}', url])).stdout
    const [connect, first, total] = times.split(' ').map(Number)
    expect(connect).toBeGreaterThan(0)
    expect(connect).toBeLessThan(first!)
    expect(first).toBeLessThanOrEqual(total!)
    const refused = await netvia(['http', '-w', '%{http_code}', `http://${host}:${closedPort}/`])
    expect(refused).toMatchObject({ code: 1, stdout: '000\n', stderr: expect.stringContaining('ECONNREFUSED') })
  })

  it('-d posts a form or a file, and a redirect with 303 drops it; -A sets the user agent', async () => {
    const { url, seen } = await serve()
    const folder = mkdtempSync(join(tmpdir(), 'netvia-data-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'body.json')
    writeFileSync(file, '{"a":1}')
    const server = new URL(url).host
    await netvia(['http', '-A', 'me', '-d', 'a=1', `${url}moved`])
    await netvia(['http', '-X', 'PUT', '-H', 'Content-Type: application/json', '-d', `@${file}`, url])
    expect(seen).toEqual([
      `POST ${server} me application/x-www-form-urlencoded a=1`,
      `GET ${server} me  `,
      `PUT ${server} netvia application/json {"a":1}`,
    ])
  })

  it('--resolve connects to the address, with the same name', async () => {
    const { url, seen } = await serve()
    const { port } = new URL(url)
    const { code } = await netvia(['http', '--resolve', `www.test:${port}:${host}`, `http://www.test:${port}/`])
    expect(code).toBe(0)
    expect(seen[0]).toMatch(`GET www.test:${port} `)
  })

  it('-v adds addresses, --interface is a device, -m a time limit', async () => {
    const { url } = await serve()
    const { stdout } = await netvia(['http', '-v', '--interface', 'lo', url])
    expect(stdout).toMatch(/^lo: from 127\.0\.0\.1 to 127\.0\.0\.1, bound to lo$/m)
    expect(stdout).toMatch(/^lo: 0 redirects, 5 bytes of the body$/m)
    const silent = await tcpServer(() => {})
    expect((await netvia(['http', '-m', '0.3', `http://${host}:${silent}/`])).stdout).toMatch(/after 300 ms altogether/)
  })

  it('-s prints no error message, -sS does', async () => {
    const url = `http://${host}:${closedPort}/`
    expect((await netvia(['http', '-s', url])).stdout).not.toContain('ECONNREFUSED')
    expect((await netvia(['http', '-sS', url])).stdout).toContain('ECONNREFUSED')
  })
})

describe('dns', () => {
  it("+short prints only the data; -p and IN work like dig's", async () => {
    const dns = await fakeServer(({ question: { name } }) => ({
      answers: ['192.0.2.7', '192.0.2.8'].map(address => a(name, address, 300)),
    }))
    const [server, port] = dns.server.split(':')
    const ended = await netvia(['dns', `@${server}`, '-p', port!, 'IN', 'A', 'www.test', '+short'])
    expect(ended).toMatchObject({ code: 0, stdout: '192.0.2.7\n192.0.2.8\n', stderr: '' })
    // On a busy machine, a question is asked twice.
    expect(new Set(dns.asked.map(({ question }) => question.name))).toEqual(new Set(['www.test']))
    dns.close()
  })
})

describe('scan', () => {
  it('-oG writes grepable output, -Pn and --open change nothing', async () => {
    const open = await tcpServer(socket => socket.destroy())
    const args = ['scan', '-Pn', '--open', '-p', `${open},${closedPort}`]
    const ended = await netvia([...args, '-oG', '-', host])
    expect(ended.stdout.split('\n')).toEqual([
      '# netvia scan of 2 ports through default',
      `Host: ${host} ()\tStatus: Up`,
      `Host: ${host} ()\tPorts: ${open}/open/tcp/////\tIgnored State: closed (1)`,
      '',
    ])
    const folder = mkdtempSync(join(tmpdir(), 'netvia-grep-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'scan')
    const { stdout } = await netvia([...args, '-oG', file, host])
    expect(readFileSync(file, 'utf8')).toBe(ended.stdout)
    expect(stdout).toMatch(new RegExp(`^ *${open} +open`, 'm'))
  })

  it('-oG has two lines for each answering host of many', async () => {
    const open = await tcpServer(socket => socket.destroy())
    const args = ['scan', '-p', `${open},${closedPort}`, '-oG', '-', '127.0.0.1-127.0.0.2']
    const lines = (await netvia(args)).stdout.split('\n')
    expect(lines[0]).toBe('# netvia scan through default')
    expect(lines.slice(1).sort()).toEqual([
      '',
      `Host: 127.0.0.1 ()\tPorts: ${open}/open/tcp/////\tIgnored State: closed (1)`,
      'Host: 127.0.0.1 ()\tStatus: Up',
      'Host: 127.0.0.2 ()\tPorts: \tIgnored State: closed (2)',
      'Host: 127.0.0.2 ()\tStatus: Up',
    ])
  })
})
