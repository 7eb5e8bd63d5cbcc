import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { beforeEach, describe, expect, it, onTestFinished, test } from 'vitest'
import { command, type Ended, netvia, objects, shell, startCli } from './cli-process.js'
import { requires } from './requirements.js'

/** Runs a command and sends `signal` after the first line of results. */
async function interrupted(args: string[], signal: NodeJS.Signals): Promise<Ended> {
  const child = startCli(args)
  let seen = ''
  child.stdout!.on('data', chunk => {
    const before = seen
    seen += chunk
    if (/icmp_seq=2|"sequence":1/.test(seen) && !/icmp_seq=2|"sequence":1/.test(before)) child.kill(signal)
  })
  return child.ended
}

describe('ping', () => {
  beforeEach(context => requires(context, 'ping'))

  it('prints like ping', async () => {
    const { code, stdout } = await netvia(['ping', '-c', '2', '-i', '0.01', '-I', 'lo', '127.0.0.1'])
    const lines = stdout.split('\n')
    expect(lines[0]).toBe('PING 127.0.0.1 (127.0.0.1) by lo: 56 data bytes')
    expect(lines[1]).toMatch(/^64 bytes from 127\.0\.0\.1: icmp_seq=1 ttl=\d+ time=[\d.]+ ms$/)
    expect(lines[4]).toBe('--- 127.0.0.1 ping statistics ---')
    expect(lines[5]).toMatch(/^2 packets transmitted, 2 received, 0% packet loss, time \d+ms$/)
    expect(lines[6]).toMatch(/^rtt min\/avg\/max\/mdev = [\d.]+\/[\d.]+\/[\d.]+\/[\d.]+ ms$/)
    expect(code).toBe(0)
  })

  it('ends at its deadline, and with -q prints only the summary', async () => {
    const started = performance.now()
    const { code, stdout } = await netvia(['ping', '-q', '-w', '0.5', '-i', '0.1', '127.0.0.1'])
    expect(stdout).toMatch(
      /^PING 127\.0\.0\.1 \(127\.0\.0\.1\): 56 data bytes\n\n--- 127\.0\.0\.1 ping statistics ---\n\d packets transmitted/,
    )
    expect(code).toBe(0)
    expect(performance.now() - started).toBeLessThan(60_000)
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('prints its summary at %s, and ends with that signal', async signal => {
    const { stdout, ...rest } = await interrupted(['ping', '-i', '0.05', '127.0.0.1'], signal)
    expect(stdout).toMatch(/\n--- 127\.0\.0\.1 ping statistics ---\n\d+ packets transmitted, \d+ received/)
    expect(rest).toEqual({ code: null, signal, stderr: '' })
  })

  it('prints its statistics at SIGQUIT, and continues', async () => {
    const child = startCli(['ping', '-i', '0.05', '127.0.0.1'])
    child.stdout!.once('data', () => child.kill('SIGQUIT'))
    child.stderr!.once('data', () => child.kill('SIGINT'))
    const { stderr, signal } = await child.ended
    expect(stderr).toMatch(/^\d+\/\d+ packets, 0% loss, min\/avg\/max = [\d.]+\/[\d.]+\/[\d.]+ ms\n/)
    expect(signal).toBe('SIGINT')
  })

  it('prints its summary as an object at SIGINT, with --json', async () => {
    const ended = await interrupted(['ping', '--json', '-i', '0.05', '-I', 'lo', '127.0.0.1'], 'SIGINT')
    const all = objects(ended)
    expect(all.at(-1)).toMatchObject({ schema: 1, event: 'summary', device: 'lo', lossRatio: 0 })
    expect(all[0]).toMatchObject({ schema: 1, event: 'result', outcome: 'reply', device: 'lo', sequence: 0 })
    expect(ended.signal).toBe('SIGINT')
  })

  it('ends quietly when its output is closed', async () => {
    const { stdout, stderr } = await shell('netvia ping -i 0.01 -w 20 127.0.0.1 | head -1')
    expect(stdout).toBe('PING 127.0.0.1 (127.0.0.1): 56 data bytes\n')
    expect(stderr).toBe('')
  })

  it('ends quietly when its terminal is gone', async context => {
    requires(context, 'script')
    const folder = mkdtempSync(join(tmpdir(), 'netvia-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'code')
    // A session of its own gets no SIGHUP.
    const ping = `setsid "${process.execPath}" "${command}" ping -i 0.05 -w 20 127.0.0.1`
    const line = `trap "" HUP; ${ping}; echo $? > "${file}.new"; mv "${file}.new" "${file}"`
    const terminal = spawn('script', ['-qfec', line, '/dev/null'], { stdio: ['pipe', 'pipe', 'ignore'] })
    let seen = ''
    for await (const data of terminal.stdout) {
      seen += data
      if (seen.includes('icmp_seq=2')) break
    }
    terminal.kill('SIGKILL')
    await expect.poll(() => existsSync(file), { timeout: 20_000 }).toBe(true)
    expect(readFileSync(file, 'utf8')).toBe('0\n')
  })
})

test('a command fails if the last of its output finds the disk full', async () => {
  for (const args of ['schema', 'devices', '--version', 'help']) {
    const { code, stderr } = await shell(`netvia ${args} > /dev/full`)
    expect({ args, code, stderr }).toEqual({
      args,
      code: 4,
      stderr: 'netvia: ENOSPC: no space left on device, write\n',
    })
  }
})

describe('trace', () => {
  beforeEach(context => requires(context, 'ping'))

  it('prints like traceroute', async () => {
    const { code, stdout } = await netvia(['trace', '-n', '-I', 'lo', '127.0.0.1'])
    const [heading, hop, ...rest] = stdout.trimEnd().split('\n')
    expect(heading).toBe('trace to 127.0.0.1 (127.0.0.1) through lo, 30 hops at most, icmp')
    expect(hop).toMatch(/^ 1 {2}127\.0\.0\.1( {2}[\d.]+ ms){3}$/)
    expect({ rest, code }).toEqual({ rest: [], code: 0 })
  })
})

describe('sweep', () => {
  beforeEach(context => requires(context, 'ping'))

  it('prints like fping', async () => {
    const { code, stdout } = await netvia(['sweep', '127.0.0.1', '127.0.0.2'])
    expect(stdout.trim().split('\n').sort()).toEqual(['127.0.0.1 is alive', '127.0.0.2 is alive'])
    expect(code).toBe(0)
    const alive = await netvia(['sweep', '-a', '-g', '127.0.0.4', '127.0.0.6'])
    expect(alive.stdout.trim().split('\n').sort()).toEqual(['127.0.0.4', '127.0.0.5', '127.0.0.6'])
    expect(await netvia(['sweep', '-u', '127.0.0.0/29'])).toMatchObject({ code: 0, stdout: '' })
    expect((await netvia(['sweep', '-e', '127.0.0.1'])).stdout).toMatch(/^127\.0\.0\.1 is alive \([\d.]+ ms\)\n$/)
  })

  it('reads targets from a file or standard input', async () => {
    const input = '127.0.0.1 # this one\n\n# not this one\n127.0.0.2 127.0.0.3\n'
    const lines = ['127.0.0.1', '127.0.0.2', '127.0.0.3']
    for (const args of [['-f', '-'], []]) {
      const { stdout } = await netvia(['sweep', '-a', ...args], { input })
      expect(stdout.trim().split('\n').sort()).toEqual(lines)
    }
    expect(await netvia(['sweep', '-f', '/nonexistent'])).toMatchObject({ code: 4, stdout: '' })
  })

  it('prints statistics to standard error, not into the list', async () => {
    const { stdout, stderr } = await netvia(['sweep', '-a', '-s', '127.0.0.1'])
    expect(stdout).toBe('127.0.0.1\n')
    expect(stderr).toMatch(/^1 target: 1 alive, 0 unreachable\n1 request sent, 0 not sent, 1 answered, 0% loss\n/)
  })

  it('prints its progress at SIGINT', async context => {
    requires(context, 'ping')
    const child = startCli(['sweep', '-a', '--rate', '20', '127.0.0.0/24'])
    child.stdout!.once('data', () => child.kill('SIGINT'))
    const { signal, stderr } = await child.ended
    expect(stderr).toMatch(/^\d+ of 254 targets: \d+ alive, 0 unreachable\n/)
    expect(signal).toBe('SIGINT')
  })

  it('distinguishes the uplinks', async () => {
    const ended = await netvia(['sweep', '--json', '-I', 'lo', '-I', 'nosuch0', '127.0.0.1'])
    expect(objects(ended)).toContainEqual(expect.objectContaining({ event: 'result', device: 'lo', alive: true }))
    expect(objects(ended)).toContainEqual(expect.objectContaining({ event: 'error', device: 'nosuch0' }))
    expect(ended.code).toBe(4)
  })
})

describe('on a terminal', () => {
  beforeEach(context => requires(context, 'bash', 'script'))

  /** Runs the command on a pseudo-terminal of 70 columns with script(1). */
  async function onTerminal(args: string, env: NodeJS.ProcessEnv = {}): Promise<{ raw: string; code: number | null }> {
    const inner = `stty cols 70 rows 20; exec '${process.execPath}' '${command}' ${args}`
    const { stdout, code } = await shell(`script -qec "${inner}" /dev/null`, { TERM: 'xterm', ...env })
    return { raw: stdout, code }
  }

  it('has colours, unless NO_COLOR is set', async () => {
    expect((await onTerminal('devices -I lo')).raw).toContain('\x1b[32mup\x1b[39m')
    expect((await onTerminal('devices -I lo', { NO_COLOR: '1' })).raw).not.toContain('\x1b[32m')
  })

  it("fits the terminal's width", async () => {
    const { raw } = await onTerminal('http -I lo http://127.0.0.1:9/')
    const shown = stripVTControlCharacters(raw).split(/\r?\n/)
    expect(Math.max(...shown.map(line => (/^(uplink|lo) /.test(line) ? line.length : 0)))).toBeLessThanOrEqual(70)
  })

  it("shows a scan's progress, speed and time, and clears them at the end", async () => {
    const { raw } = await onTerminal('scan -p 20000-20039 -W 0.2 --rate 16 127.0.0.1')
    expect(raw).toMatch(/\[#+-+\] +\d+% +\d+\/40 +\d+(\.\d)?\/s +0:0\d left/)
    const last = stripVTControlCharacters(raw.slice(raw.lastIndexOf('\x1b[2K')))
    expect(last).toMatch(/127\.0\.0\.1: 40 ports in/)
    expect(last).not.toContain('left')
  })

  it('prints results above the progress of a sweep', async context => {
    requires(context, 'ping')
    const { raw } = await onTerminal('sweep -e -t 200 --rate 50 127.0.0.0/25')
    expect(raw).toMatch(/\[#+-+\] +\d+% +\d+\/126 +\d+(\.\d)?\/s +0:0\d left/)
    const found = stripVTControlCharacters(raw).match(/^.*is alive \([\d.]+ ms\)\r?$/gm)
    expect(found).toHaveLength(126)
    expect(stripVTControlCharacters(raw.slice(raw.lastIndexOf('\x1b[2K')))).not.toContain('left')
  })

  it('redraws the uplinks of a ping in one table', async context => {
    requires(context, 'ping')
    const { raw, code } = await onTerminal('ping -c 4 -i 0.15 -I lo -I lo0nosuch 127.0.0.1')
    expect(raw).toContain('\x1b[2K')
    expect(stripVTControlCharacters(raw)).not.toContain('icmp_seq')
    const last = stripVTControlCharacters(raw).trimEnd().split(/\r?\n/).slice(-3)
    expect(last[0]).toMatch(/^uplink +last +sent +unsent +received +loss/)
    expect(last[1]).toMatch(/^lo +[\d.]+ ms +4 +0 +4 +0%/)
    expect(last[2]).toMatch(/^lo0nosuch +failed/)
    expect(code).toBe(4)
  })

  it('ends at Ctrl-C like other commands', async context => {
    requires(context, 'ping')
    const keys = '(sleep 1.5; printf "\\003"; sleep 1)'
    const inner = `exec '${process.execPath}' '${command}' ping -i 0.2 127.0.0.1`
    const { stdout } = await shell(`${keys} | script -qec "${inner}" /dev/null; echo "code \${PIPESTATUS[1]}"`, {
      TERM: 'xterm',
    })
    expect(stdout).toContain('packets transmitted')
    expect(stdout).toMatch(/code 130\n$/)
  })
})
