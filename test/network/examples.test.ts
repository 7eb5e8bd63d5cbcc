import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { connect } from '../../src/protocols/tcp/connect.js'
import { compileExample, Example } from '../examples/run.js'
import { httpServer, lab, needs } from '../lab/index.js'
import { movedDuring, sentDuring } from './moved.js'

const { address4, name } = lab.server
const { wan1, wan2 } = lab
/** Addresses in `lab.crowd`. They reply to echo requests, but nothing listens there. */
const [dropped, rejected] = ['10.64.0.7', '10.64.0.8']

function fault(...[host, rule]: Parameters<typeof lab.fault>): void {
  onTestFinished(lab.fault(host, rule))
}

/** Stops the servers at the end of the test, even if it fails. */
async function serve(...starting: Promise<{ stop(): Promise<void> }>[]): Promise<void> {
  for (const server of await Promise.all(starting)) onTestFinished(() => server.stop())
}

/** Runs a program on the internet host until the end of the test. Resolves after it printed `ready`, with the list of its later lines. */
async function program(source: string): Promise<string[]> {
  const child = lab.spawn('internet', process.execPath, '-e', source)
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  await new Promise<void>((resolve, reject) => {
    createInterface(child.stdout!).on('line', line => (line === 'ready' ? resolve() : lines.push(line)))
    child.on('exit', () => reject(new Error('ended before it was ready')))
  })
  return lines
}

/** Runs an example until it ends, and returns its output lines. */
async function output(example: string, args: (string | number)[], env: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const twin = new Example(example, args, env)
  expect(await twin.ends()).toBe(0)
  return twin.lines
}

/** A server that prints each client's address. */
const guestBook = (port: number) => `require('node:net').createServer(socket => {
  socket.on('error', () => {})
  // Undefined if it has been reset.
  console.log(String(socket.remoteAddress).replace('::ffff:', ''))
}).listen(${port}, '::', () => console.log('ready'))`

describe('ping', () => {
  needs('nft', 'dnsmasq')

  test.each([undefined, 'wan2'])('reply, dropped, rejected and unknown, side by side (device: %s)', async device => {
    await serve(lab.dnsmasq())
    fault('internet', `ip daddr ${dropped} icmp type echo-request drop`)
    fault(device ? 'isp2' : 'isp1', `ip daddr ${rejected} reject with icmp type admin-prohibited`)
    const hosts = [address4, dropped, rejected, 'nobody.test', name]
    let lines: string[] = []
    const moved = await movedDuring(async () => {
      lines = await output('ping', hosts, { DEVICE: device })
    })
    expect(lines).toEqual([
      expect.stringMatching(/^203\.0\.113\.1: \d+\.\d\dms$/),
      '10.64.0.7: FAILED (timeout)',
      '10.64.0.8: FAILED (communication administratively prohibited)',
      expect.stringMatching(/^nobody\.test: FAILED \(resolve ENOTFOUND: no such name .*\)$/),
      expect.stringMatching(/^server\.test: \d+\.\d\dms$/),
    ])
    expect(device ? moved.wan1 : moved.wan2).toBe(0)
  })
})

describe('icmp-packet', () => {
  needs('nft')

  test('a reply, an ICMP error from the path, and silence, through wan2 only', async () => {
    fault('internet', `ip daddr ${dropped} icmp type echo-request drop`)
    fault('isp2', `ip daddr ${rejected} reject with icmp type admin-prohibited`)
    const answers: string[] = []
    const moved = await movedDuring(async () => {
      for (const host of [address4, rejected, dropped]) {
        const [sent, ...rest] = await output('icmp-packet', [host], { DEVICE: 'wan2' })
        expect(sent).toContain(`Sent to ${host}: 0800`)
        answers.push(...rest)
      }
    })
    expect(answers).toEqual([
      `Received from ${address4}: echo-reply, ttl=63`,
      `Received from ${wan2.gateway4}: communication administratively prohibited, ttl=64`,
      'FAILED (The operation was aborted)',
    ])
    expect(moved.wan1).toBe(0)
  })
})

describe('http-health', () => {
  needs('nginx', 'dnsmasq')

  const health = (urls: string[], env: NodeJS.ProcessEnv = {}) =>
    output('http-health', urls, { DEVICE: 'wan2', ...env })
  const good = (url: string) =>
    expect.stringMatching(new RegExp(`^${url.replace(/[.?[\]]/g, '\\$&')}: \\d+\\.\\d{3}ms$`))

  test('the statuses that nginx returns', async () => {
    const locations = `
      location / { return 200 "hello"; }
      location /none { return 204; }
      location /moved { return 301 http://${name}/; }
      location /gone { return 301 /missing; }
      location /round { return 301 /round; }
      location /missing { return 404; }
      location /broken { return 500; }
      location /packed { gzip on; gzip_types *; gzip_min_length 1; return 200 "${'packed '.repeat(50)}"; }`
    await serve(lab.nginx(httpServer(locations)), lab.dnsmasq())
    const at = (path: string) => `http://${address4}/${path}`
    const urls = ['', 'none', 'moved', 'packed', 'gone', 'round', 'missing', 'broken'].map(at)
    let lines: string[] = []
    const moved = await movedDuring(async () => {
      lines = await health(urls)
    })
    expect(lines).toEqual([
      ...urls.slice(0, 4).map(good),
      `${at('gone')}: FAILED (bad status: 404)`,
      expect.stringMatching(/round: FAILED \(.*redirects.*\)$/),
      `${at('missing')}: FAILED (bad status: 404)`,
      `${at('broken')}: FAILED (bad status: 500)`,
    ])
    expect(moved.wan1).toBe(0)
  })

  test.each([
    ['server', undefined],
    ['expired', 'CERT_HAS_EXPIRED'],
    ['wrong-name', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ] as const)('%s certificate', async (certificate, failure) => {
    await serve(lab.nginx(httpServer(undefined, certificate)), lab.dnsmasq())
    const ca = fileURLToPath(new URL('../lab/certificates/ca.pem', import.meta.url))
    const url = `https://${name}/`
    const [line] = await health([url], { NODE_EXTRA_CA_CERTS: ca })
    if (!failure) return expect(line).toEqual(good(url))
    expect(line).toContain(`${url}: FAILED (TLS handshake ${failure}: `)
  })

  test('servers that behave oddly, and none at all', async () => {
    const given = await program(`require('node:net').createServer(socket => {
      socket.on('error', () => {}).once('data', data => {
        const path = String(data).split(' ')[1]
        const head = 'HTTP/1.1 200 OK\\r\\n'
        if (path === '/silent') return
        if (path === '/reset') return socket.resetAndDestroy()
        if (path === '/old') return socket.end('HTTP/1.0 200 OK\\r\\n\\r\\nold')
        if (path === '/chunked') return socket.end(head + 'Transfer-Encoding: chunked\\r\\n\\r\\n3\\r\\nabc\\r\\n0\\r\\n\\r\\n')
        if (path === '/drip') return void socket.write(head + 'Content-Length: 10\\r\\n\\r\\nhalf')
        if (path === '/noise') return socket.end('220 mail.test ESMTP\\r\\n')
        socket.write(head + 'Content-Length: 1073741824\\r\\n\\r\\n')
        const block = Buffer.alloc(65536)
        let sent = 0
        const pour = () => {
          while (sent < 1073741824 && !socket.destroyed) {
            sent += block.length
            if (!socket.write(block)) return
          }
        }
        socket.on('drain', pour).on('close', () => console.log(socket.bytesWritten - socket.writableLength))
        pour()
      })
    }).listen(8080, '::', () => console.log('ready'))`)
    const at = (path: string) => `http://${address4}:8080/${path}`
    const urls = ['old', 'chunked', 'large', 'reset', 'noise', 'silent', 'drip'].map(at)
    const lines = await health([...urls, `http://${address4}:8081/`])
    expect(lines).toEqual([
      ...urls.slice(0, 3).map(good),
      expect.stringMatching(/\/reset: FAILED \(.*(ECONNRESET|reset|hang up|closed).*\)$/),
      expect.stringMatching(/\/noise: FAILED \(.*\)$/),
      expect.stringMatching(/\/silent: FAILED \(.*ETIMEDOUT.*\)$/),
      expect.stringMatching(/\/drip: FAILED \(.*ETIMEDOUT.*\)$/),
      expect.stringMatching(/:8081\/: FAILED \(.*ECONNREFUSED.*\)$/),
    ])
    // The client read 1 MiB of 1 GiB. The server also sent what fitted into buffers on the path.
    expect(given).toHaveLength(1)
    expect(Number(given[0])).toBeLessThan(16 * 2 ** 20)
  })

  test('a source address does not choose the uplink, the device does', async () => {
    await serve(lab.nginx())
    const url = `http://${address4}/`
    const through = async (env: NodeJS.ProcessEnv) => {
      const sent = await sentDuring(async () => expect(await health([url], env)).toEqual([good(url)]))
      return sent.wan2 > 0 ? 'wan2' : 'wan1'
    }
    expect(await through({ SOURCE: wan2.address4, DEVICE: undefined })).toBe('wan1')
    expect(await through({ SOURCE: wan2.address4 })).toBe('wan2')
  })
})

describe('bind-interface', () => {
  needs('tcpdump')

  test('by address and by device: the server sees the same address, but the uplinks differ', async () => {
    const port = 7443
    const seen = await program(guestBook(port))
    const calls = `dst port ${port} and tcp[tcpflags] & tcp-syn != 0`
    const captures = [await lab.capture('wan1', calls), await lab.capture('wan2', calls)]
    const lines = await output('bind-interface', [address4, port, 'wan1', 'wan2', 'wan9'])
    const [out1, out2] = await Promise.all(captures.map(capture => capture.stop()))
    const line = (device: string, how: string, address: string) =>
      expect.stringMatching(
        new RegExp(`^Connected via ${device} by ${how}: local=${address}:\\d+ remote=${address4}:${port}$`),
      )
    expect(lines).toEqual([
      line('wan1', 'address', wan1.address4),
      line('wan1', 'device', wan1.address4),
      line('wan2', 'address', wan2.address4),
      line('wan2', 'device', wan2.address4),
      expect.stringMatching(/^wan9 failed by address: .*ENODEV/),
      expect.stringMatching(/^wan9 failed by device: .*ENODEV/),
    ])
    await expect.poll(() => seen).toEqual([wan1.address4, wan1.address4, wan2.address4, wan2.address4])
    // The third connection has wan2's address, but went out through wan1.
    expect(out1!.map(({ source }) => source)).toEqual([wan1.address4, wan1.address4, wan2.address4])
    expect(out2!.map(({ source }) => source)).toEqual([wan2.address4])
  })
})

describe('port-scanner', () => {
  needs('nft', 'nmap')

  test('open ports only, and nmap finds the same', async () => {
    const ports = [22, 80, 443, 1000]
    await program(`Promise.all(${JSON.stringify(ports)}.map(port => new Promise(resolve =>
      require('node:net').createServer(socket => socket.on('error', () => {})).listen(port, '::', resolve)
    ))).then(() => console.log('ready'))`)
    fault('internet', 'tcp dport { 443, 500-502 } drop')
    let lines: string[] = []
    const moved = await movedDuring(async () => {
      lines = await output('port-scanner', [address4], { DEVICE: 'wan2' })
    })
    expect(lines).toEqual([`Open ports on ${address4}:`, ...[22, 80, 1000].map(port => `  Port ${port}: OPEN`)])
    expect(moved.wan1).toBe(0)
    const theirs = lab.run('router', 'nmap', '-n', '-Pn', '-sT', '-T4', '-p', '1-1024', '-oG', '-', address4)
    const open = [...theirs.matchAll(/(\d+)\/open\//g)].map(match => `  Port ${match[1]}: OPEN`)
    expect(lines.slice(1)).toEqual(open)
  })
})

describe('dial-timeout', () => {
  needs('nft', 'dnsmasq')

  const port = 443
  const blackHole = () => fault('internet', `ip daddr ${dropped} tcp dport ${port} drop`)

  /** Expects a rejection within 50 ms of a timer of so many ms, and returns it. Tries again, because other load can come in between. */
  async function rejection(ms: number, dial: () => Promise<unknown>): Promise<unknown> {
    let away = Number.POSITIVE_INFINITY
    let error: unknown
    for (let i = 0; i < 10 && away >= 50; i++) {
      const timer = sleep(ms).then(() => performance.now())
      error = await dial().catch(reason => reason)
      away = Math.abs(performance.now() - (await timer))
    }
    expect(away).toBeLessThan(50)
    return error
  }

  test('both variants give up on a black-holed address', async () => {
    blackHole()
    const twin = new Example('dial-timeout', [dropped, port, 400])
    expect(await twin.ends()).toBe(0)
    expect(twin.lines).toEqual([
      'Failed: connect ETIMEDOUT: connection timed out (10.64.0.7:443); connection took longer than 400 ms',
      'Failed: The operation was aborted due to timeout',
    ])
  })

  test('a timeout rejects when its time is over', async () => {
    blackHole()
    const error = await rejection(400, () => connect({ host: dropped, port, device: 'wan2', timeout: 400 }))
    expect(error).toMatchObject({ code: 'ETIMEDOUT', address: dropped, port })
  })

  test('the timeout covers name resolution', async () => {
    await serve(lab.dnsmasq())
    fault('internet', 'meta l4proto { tcp, udp } th dport 53 drop')
    const error = await rejection(400, () => connect({ host: name, port, device: 'wan2', timeout: 400 }))
    expect(error).toMatchObject({ name: 'NetviaError', code: 'ETIMEDOUT' })
  })

  test('an AbortSignal, and AbortSignal.any: the first one wins', async () => {
    blackHole()
    const dial = (signal: AbortSignal) => connect({ host: dropped, port, device: 'wan2', signal })
    expect(await rejection(300, () => dial(AbortSignal.timeout(300)))).toMatchObject({ name: 'TimeoutError' })
    const reason = new Error('the user left')
    const any = await rejection(200, () => {
      const user = new AbortController()
      setTimeout(() => user.abort(reason), 200)
      return dial(AbortSignal.any([user.signal, AbortSignal.timeout(2000)]))
    })
    expect(any).toBe(reason)
  })
})

describe('servers on a device', () => {
  /** A client on the internet host that sends one line and prints the answer. */
  const ask = (port: number, host: string) =>
    `const socket = require('node:net').connect(${port}, '${host}', () => socket.write('hello\\n'))
     socket.on('error', ({ code }) => { console.log(code); process.exit() })
     socket.on('data', data => { console.log(String(data).trim()); process.exit() })`

  /** The same over UDP. A connected socket reports an error if nobody listens. */
  const askByUdp = (port: number, host: string) =>
    `const socket = require('node:dgram').createSocket('udp4')
     socket.on('error', ({ code }) => { console.log(code); process.exit() })
     socket.on('message', message => { console.log(String(message)); process.exit() })
     socket.connect(${port}, '${host}', () => socket.send('hello'))`

  async function answer(source: string): Promise<string> {
    const child = lab.spawn('internet', process.execPath, '-e', source)
    return (await child.stdout!.toArray()).join('').trim()
  }

  test('tcp-server: a client through the other device is refused', async () => {
    const server = new Example('tcp-server', [], { PORT: '7080', DEVICE: 'wan2' })
    await server.prints('Server listening on :7080')
    expect(await answer(ask(7080, wan2.address4))).toBe('Echo: hello')
    expect(await answer(ask(7080, wan2.address6))).toBe('Echo: hello')
    expect(await answer(ask(7080, wan1.address4))).toBe('ECONNREFUSED')
    expect(await answer(ask(7080, wan1.address6))).toBe('ECONNREFUSED')
    expect(server.lines.filter(line => line.startsWith('Client connected'))).toEqual([
      expect.stringMatching(/: 10\.2\.0\.2:\d+$|: 203\.0\.113\.1:\d+$/),
      expect.stringMatching(/: \[.*\]:\d+$/),
    ])
  })

  test('udp-server: a datagram through the other device is ignored', async () => {
    const server = new Example('udp-server', [], { PORT: '7999', DEVICE: 'wan2' })
    await server.prints('UDP Server listening on :7999')
    expect(await answer(askByUdp(7999, wan2.address4))).toBe('ACK: hello')
    expect(await answer(askByUdp(7999, wan1.address4))).toBe('ECONNREFUSED')
    expect(server.lines).toHaveLength(2)
  })
})

describe('clients on a device', () => {
  /** Runs an example as a server on the internet host. */
  async function twinOnTheInternet(example: string, port: number): Promise<void> {
    const child = lab.spawn('internet', 'env', `PORT=${port}`, process.execPath, compileExample(example))
    onTestFinished(() => void child.kill('SIGKILL'))
    await once(child.stdout!, 'data')
  }

  test('tcp-client and udp-client reach their servers through wan2 only', async () => {
    await twinOnTheInternet('tcp-server', 7180)
    await twinOnTheInternet('udp-server', 7199)
    const moved = await movedDuring(async () => {
      const client = new Example('tcp-client', [address4, 7180, 'wan2'])
      client.child.stdin.end('hello\n')
      expect(await client.ends()).toBe(0)
      // The second prompt is optional, because the input may end before the answer arrives.
      expect(client.output).toMatch(/^Connected to server\nEnter message: Server: Echo: hello\n(Enter message: )?$/)
      expect(await output('udp-client', ['hello', address4, 7199, 'wan2'])).toEqual(['Server: ACK: hello'])
    })
    expect(moved.wan1).toBe(0)
    expect(moved.wan2).toBeGreaterThan(7)
  })
})
