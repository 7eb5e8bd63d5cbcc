import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/cli/monitor/config.js'
import { explained } from '../../src/cli/shared/yaml-file.js'
import { NetviaError } from '../../src/errors.js'
import { netvia, objects } from './cli-process.js'
import { fileOf } from './monitor-command.js'

const good = `
# Times with and without a unit.
interval: 500ms
timeout: 1.5s
window: 2m
damping: { suppress: 6, reuse: 3, halfLife: 1h }
hookTimeout: 1234
hook: [/bin/true, 5s]
uplinks:
  - name: fibre
    device: wan1
    checks: &checks
      - { type: ping, host: 192.0.2.1, timeout: 300ms }
      - type: http
        url: https://user:pass@example.com/health
        headers: { timeout: 5s }
  - name: lte
    device: wan2
    priority: 2
    checks: *checks
`

/** The mistakes in a configuration, each without the file's name. */
function problems(text: string): string[] {
  const file = fileOf(text)
  try {
    readConfig(file)
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    return (error as Error).message.split('\n').map(line => {
      expect(line.startsWith(`${file}:`)).toBe(true)
      return line.slice(file.length + 1)
    })
  }
  return []
}

describe('a configuration', () => {
  test("becomes the monitor's options, with times in ms", () => {
    const checks = [
      { type: 'ping', host: '192.0.2.1', timeout: 300 },
      { type: 'http', url: 'https://user:pass@example.com/health', headers: { timeout: '5s' } },
    ]
    expect(readConfig(fileOf(good))).toEqual({
      interval: 500,
      timeout: 1500,
      window: 120_000,
      damping: { suppress: 6, reuse: 3, halfLife: 3_600_000 },
      hookTimeout: 1234,
      hook: ['/bin/true', '5s'],
      uplinks: [
        { name: 'fibre', device: 'wan1', checks },
        { name: 'lte', device: 'wan2', priority: 2, checks },
      ],
    })
  })

  test("converts a metered uplink's quota to bytes, and its period to ms", () => {
    const text = (metered: string) =>
      `uplinks: [{ name: lte, device: wan2, metered: ${metered}, checks: [{ type: ping, host: 192.0.2.1 }] }]`
    const read = (metered: string) => readConfig(fileOf(text(metered))).uplinks[0]!.metered
    expect(read('true')).toBe(true)
    expect(read('{ quota: 15MB, period: 30d }')).toEqual({ quota: 15_000_000, period: 2_592_000_000 })
    expect(read('{ quota: 1.5 MiB }')).toEqual({ quota: 1_572_864 })
    expect(problems(text('{ quota: 10kB }'))).toEqual([expect.stringContaining('26880 or more with these checks')])
    expect(problems(text('{ quota: 15 MBit }'))).toEqual([expect.stringContaining('quota must be an integer')])
    const page = text('true').replace('type: ping, host: 192.0.2.1', "type: http, url: 'http://a.test'")
    expect(problems(page)).toEqual([expect.stringContaining('pings of addresses only')])
    expect(problems(text('true').replace('device: wan2, ', ''))).toEqual([expect.stringContaining('beside a device')])
  })

  test('may have routing options, checked in the same way', () => {
    const routing = 'routing: { policy: weighted, whenAllDown: unreachable }'
    expect(readConfig(fileOf(`${good}\n${routing}\n`)).routing).toEqual({
      policy: 'weighted',
      whenAllDown: 'unreachable',
    })
    const wrong = 'routing:\n  policy: sticky\n  tables: 1\nuplinks: [{ name: a, checks: [{ type: ping, host: h }] }]\n'
    expect(() => readConfig(fileOf(wrong))).toThrow(
      /:2:3: policy must be one of "failover", "weighted"; got "sticky"\n.*:3:3: unknown option "tables"/,
    )
    expect(() => readConfig(fileOf(wrong.replace(/ {2}policy: sticky\n {2}tables: 1/, '  ipv6: false')))).toThrow(
      /:1:1: routing must be left out: uplink a has no device/,
    )
  })

  test('may have a proxy, checked like the flags of netvia proxy', () => {
    const proxy = 'proxy: { listen: 1080, policy: weighted, race: 1s, usersFile: /nowhere, allow: [10.0.0.0/8] }'
    expect(readConfig(fileOf(`${good}\n${proxy}\n`)).proxy).toEqual({
      ...{ listen: 1080, policy: 'weighted', race: 1000, usersFile: '/nowhere', allow: ['10.0.0.0/8'] },
    })
    const wrong = (lines: string) =>
      problems(`proxy:\n${lines}\nuplinks: [{ name: a, checks: [{ type: ping, host: h }] }]\n`)
    expect(wrong('  listen: 192.0.2.1:1080')).toEqual([
      expect.stringMatching(/^2:3: anybody who reaches 192\.0\.2\.1 could use this proxy/),
    ])
    expect(wrong('  listen: [1]\n  policy: best\n  allow: [10.0.0.0/99]\n  device: wan1')).toEqual([
      '2:3: listen must be a port or host:port; got an array of 1',
      expect.stringMatching(/^3:3: policy must be one of "failover", "weighted"/),
      expect.stringMatching(/^4:11: allow\[0\] must be an address or a block/),
      expect.stringMatching(/^5:3: unknown option "device"/),
    ])
    expect(wrong('  listen: router.lan:1080')).toEqual([expect.stringMatching(/^2:3: host must be an IPv4 or IPv6/)])
    expect(wrong('  listen: 127.0.0.1:1080\n  race: never')).toEqual([expect.stringMatching(/^3:3: race must be/)])
  })

  test('may share parts through YAML merge keys', () => {
    const text = `
uplinks:
  - &first { name: a, weight: 2, checks: [{ type: dns, name: example.com }] }
  - { <<: *first, name: b }
`
    expect(readConfig(fileOf(text)).uplinks[1]).toMatchObject({ name: 'b', weight: 2, checks: [{ type: 'dns' }] })
  })

  test('with mistakes is refused with line, column and key for all of them', () => {
    const text = `interval: 5 parsecs
timeuot: 3
uplinks:
  - name: fibre
    device: a/b
    checks:
      - { type: ping, host: 192.0.2.1, size: 3 }
      - type: tcp
        host: 192.0.2.1
        port: 70000
`
    expect(problems(text)).toEqual([
      expect.stringMatching(/^1:1: interval must be a number from 10 to \d+; got "5 parsecs"$/),
      expect.stringMatching(
        /^2:1: unknown option "timeuot"; known options: interval, .*timeout, .*uplinks, routing, proxy, otlp, mqtt$/,
      ),
      expect.stringMatching(/^5:5: uplink "fibre": device must be a device name/),
      expect.stringMatching(
        /^7:40: uplink "fibre": check 0 \(ping\): unknown option "size"; known options: type, host/,
      ),
      expect.stringMatching(
        /^10:9: uplink "fibre": check 1 \(tcp\): port must be an integer from 1 to 65535; got 70000$/,
      ),
    ])
  })

  test('continues after a check or an uplink that cannot be judged', () => {
    const text = `loss: { enter: 0.1, leave: 0.2 }
uplinks:
  - name: fibre
    checks:
      - { type: pnig, host: 192.0.2.1 }
      - { type: ping }
      - just text
      - { type: tcp, host: 192.0.2.1, port: 70000 }
  - name: fibre
    priority: high
    checks: []
  - wan3
  - checks: [{ type: dns, name: example.com, recrod: MX }]
`
    expect(problems(text)).toEqual([
      expect.stringMatching(/^1:21: loss.leave must be below enter/),
      expect.stringMatching(/^5:11: uplink "fibre": check 0: type must be one of/),
      expect.stringMatching(/^6:9: uplink "fibre": check 1 \(ping\): host must be/),
      expect.stringMatching(/^7:9: uplink "fibre": check 2 must be an object; got "just text"/),
      expect.stringMatching(/^8:39: uplink "fibre": check 3 \(tcp\): port must be/),
      expect.stringMatching(/^9:5: uplink "fibre": name must be used once/),
      expect.stringMatching(/^10:5: uplink "fibre": priority must be an integer/),
      expect.stringMatching(
        /^11:5: uplink "\(1\)": checks must be an array of at least 1 \(reliability\); got an array of 0$/,
      ),
      expect.stringMatching(/^12:5: uplink 2: options must be an object; got "wan3"/),
      expect.stringMatching(/^13:5: uplink 3: name must be/),
      expect.stringMatching(/^13:46: uplink .* check 0 \(dns\): unknown option "recrod"/),
    ])
  })

  test.each([
    ['', /^1:1: .*options must be an object/],
    ['- a\n', /^1:1: options must be an object; got an array of 1$/],
    ['uplinks: [[a]]\n', /^1:11: uplink 0: options must be an object; got an array of 1$/],
    ['uplinks: &all [*all]\n', /^1:16: \*all is inside of what it stands for$/],
    ['uplinks: {}\n', /^1:1: uplinks must be an array of at least one uplink; got an object$/],
    ['uplinks: []\n---\nuplinks: []\n', /^2:1: there is more than one document in this file$/],
    ['interval: 1s\n', /^1:1: uplinks must be an array of at least one uplink/],
    ['uplinks:\n  - checks: []\n', /^2:5: uplink 0: name must be a non-empty string/],
    ['uplinks:\n  - name: a\n    checks:\n      - {type: ping}\n', /^4:9: uplink "a": check 0 \(ping\): host must be/],
    ['uplinks:\n  - name: a\n    checks:\n      - {type: pong}\n', /^4:10: uplink "a": check 0: type must be one of/],
    ['uplinks:\n  - name: a\n    checks: *none\n', /^3:13: .*alias/],
    ['uplinks: &a\n  - *a\n', /^2:5: \*a is inside of what it stands for/],
    ['uplinks: &a\n  - { name: &b x, checks: [*a] }\n', /^2:28: \*a is inside of what it stands for/],
    [`${good}routing: !!binary aGk=\n`, /^\d+:10: .*tag/],
    ['!!set { uplinks }\n', /^1:1: .*tag/],
    ['interval: 1s\ninterval: 2s\n', /^2:1: .*unique/],
    ['uplinks: [\n', /^2:1: /],
    [`uplinks: ${'['.repeat(20_000)}`, /^1:\d+: nested too deeply$/],
    ['__proto__: { interval: 5s }\n', /^1:1: unknown option "__proto__"/],
    ['uplinks:\n  - name: a\n    __proto__: { device: lo }\n    checks: []\n', /^3:5: .*unknown option "__proto__"/],
    ['uplinks:\n  - name: a\n    checks: [{ type: constructor }]\n', /^3:16: .*type must be one of/],
    ['a: &a {<<: *a}\nuplinks: []\n', /^1:12: \*a is inside/],
  ])('%j', (text, expected) => {
    expect(problems(text)[0]).toMatch(expected)
  })

  test('that is too large is refused before it takes minutes', () => {
    const bomb = ['&a [x, x, x]', ...'abcdefghi'].map((value, index) => {
      const aliases = index === 0 ? value : `&${'abcdefghij'[index]} [${Array(9).fill(`*${value}`)}]`
      return `${index}: ${aliases}\n`
    })
    expect(problems(`${bomb.join('')}uplinks: *j\n`)[0]).toMatch(/^1:1: Excessive alias count/)
    expect(problems(`uplinks:\n- &a { name: a }\n${'- *a\n'.repeat(50_000)}`)[0]).toMatch(
      /^1:1: more than 10000 anchors/,
    )
    expect(() => readConfig(fileOf('#'.repeat(2 ** 22 + 1)))).toThrow(/uplinks\.yaml: longer than 4194304 characters$/)
  })

  test('a thousand uplinks may share an anchor', () => {
    const uplinks = Array.from({ length: 1000 }, (_, index) => `- { name: u${index}, checks: *all }\n`)
    const text = `uplinks:\n- name: first\n  checks: &all [{ type: ping, host: 127.0.0.1 }]\n${uplinks.join('')}`
    expect(readConfig(fileOf(text)).uplinks).toHaveLength(1001)
  })

  test('with secrets does not reveal them in errors', () => {
    const text = `uplinks:
  - name: a
    checks:
      - { type: http, url: 'ftp://user:hunter2@h/?key=hunter2' }
      - { type: http, url: 'http://h/', headers: 'authorization: hunter2' }
      - { type: http, url: 'http://h/', headers: { authorization: "hunter2\\n" } }
`
    expect(problems(text).length).toBeGreaterThan(0)
    expect(problems(text).join()).not.toContain('hunter2')
    expect(problems(text.replace(/.*ftp.*\n/, '')).join()).toMatch(/headers must be/)
    expect(problems(text.replace(/.*ftp.*\n/, '')).join()).not.toContain('hunter2')
  })
})

describe('netvia monitor --check', () => {
  test('reports what it found, and exits with 0', async () => {
    const file = fileOf(good)
    expect(await netvia(['monitor', '--check', '-c', file])).toMatchObject({
      code: 0,
      stdout: `${file}: 2 uplinks, 4 checks\n`,
      stderr: '',
    })
    const only = await netvia(['monitor', '--check', '--json', '-I', 'wan2', '-c', file])
    expect(objects(only)).toMatchObject([{ event: 'configuration', uplinks: ['lte'], checks: 2 }])
  })

  test('exits with 3 for mistakes, and with 4 for an unreadable file', async () => {
    const file = fileOf('interval: -1\nuplinks: []\n')
    const { code, stdout, stderr } = await netvia(['monitor', '--check', '-c', file])
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr.startsWith(`netvia: ${file}:1:1: interval must be`)).toBe(true)
    expect((await netvia(['monitor', '-c', '/nonexistent.yaml'])).code).toBe(4)
    expect((await netvia(['monitor'])).code).toBe(3)
    const none = await netvia(['monitor', '-I', 'eth9', '-c', fileOf(good)])
    expect(none).toMatchObject({ code: 3, stderr: expect.stringContaining('(wan1, wan2); got "eth9"') })
  })
})

test.each(['it is missing', 'it is missing; install it'])('the hint is printed once, with the error %j', message => {
  expect(explained(new NetviaError(message, { code: 'E', hint: 'install it' }))).toBe('it is missing; install it')
})
