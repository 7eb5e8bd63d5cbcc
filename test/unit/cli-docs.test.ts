import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { netvia } from './cli-process.js'
import { requires } from './requirements.js'

/** A typed line, some of the expected completions, and one that must not appear. */
const typed: [line: string, offered: string[], not?: string][] = [
  ['netvia ', ['ping', 'http', 'doctor', 'monitor']],
  ['netvia ht', ['http'], 'ping'],
  ['netvia ping --co', ['--count'], '--device'],
  ['netvia ping -I l', ['lo']],
  ['netvia ping -I lo --dev', ['--device']],
  ['netvia http --device l', ['lo']],
  ['netvia dns -t SR', ['SRV'], 'A'],
  ['netvia http --cacert /etc/host', ['host'], '--json'],
  ['netvia completion z', ['zsh'], 'fish'],
  ['netvia ping -c 3 --js', ['--json']],
  ['netvia help sw', ['sweep'], 'ping'],
  ['netvia ping --kind=da', ['datagram'], 'raw'],
  ['netvia http --device=l', ['lo'], '--json'],
  ['netvia trace -i l', ['lo']],
]

describe('completion', () => {
  let folder: string
  const file = (name: string) => join(folder, name === 'zsh' ? '_netvia' : `netvia.${name}`)

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'netvia-completion-'))
    for (const name of ['bash', 'zsh', 'fish']) writeFileSync(file(name), (await netvia(['completion', name])).stdout)
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  function run(command: string, ...args: string[]): string {
    const { stdout, stderr, status } = spawnSync(command, args, { encoding: 'utf8', timeout: 60_000 })
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
    return stdout
  }

  /** The completions that each shell offers at the end of these lines. */
  const offers: Record<string, (lines: string[]) => string[][]> = {
    bash: lines =>
      lines.map(line => {
        // Bash also splits words at "=".
        const words = line.split(/ |(?==)|(?<==)/).map(word => `'${word}'`)
        const script = `source ${file('bash')}; COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _netvia; echo "\${COMPREPLY[*]}"`
        return run('bash', '-c', script).trim().split(' ')
      }),
    zsh: lines => {
      const said = run('zsh', '-f', 'test/unit/zsh-offers.zsh', file('zsh'), ...lines).split('\n')
      return lines.map((line, index) => said[index]!.slice(line.length + 2).split(' '))
    },
    fish: lines => {
      const asked = lines.map(line => `complete -C '${line}' | string split -f1 \\t; echo ---`)
      const said = run('fish', '-N', '-c', [`source ${file('fish')}`, ...asked].join('\n'))
      return said.split('---\n').map(part => part.split('\n'))
    },
  }

  test.for(['bash', 'zsh', 'fish'] as const)('%s offers matching completions', (name, context) => {
    requires(context, name)
    const offered = offers[name]!(typed.map(([line]) => line))
    for (const [index, [line, wanted, not]] of typed.entries()) {
      const found = offered[index]!
      for (const word of wanted)
        expect({ line, found: found.filter(one => one.includes(word)) }).not.toEqual({ line, found: [] })
      if (not !== undefined) expect({ line, found }).not.toEqual({ line, found: expect.arrayContaining([not]) })
    }
  })

  test.each(['bash', 'zsh', 'fish'])('for %s knows every subcommand and option', async name => {
    const { code, stdout } = await netvia(['completion', name])
    expect(code).toBe(0)
    const { stdout: help } = await netvia(['--help'])
    for (const [, subcommand] of help.matchAll(/^ {2}([a-z]+)(?= (?:\[|<| ))/gm)) {
      if (subcommand !== 'help') expect(stdout).toContain(subcommand)
    }
    for (const option of ['count', 'interval', 'device', 'mark', 'expect-status', 'json', 'ports']) {
      expect(stdout).toMatch(new RegExp(`(--| -l )${option}\\b`))
    }
  })
})

describe('the manual page', () => {
  it('is well-formed, and has every subcommand', async context => {
    requires(context, 'groff')
    const { stdout } = await netvia(['man'])
    const { stdout: text, stderr } = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-P-cbou'], {
      input: stdout,
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    for (const part of ['ping [options] <host...>', '-I, --device <name>', 'EXIT STATUS', 'NO_COLOR'])
      expect(text).toContain(part)
  })
})

describe('the pages of the command', () => {
  it('have the current help of every subcommand', () => {
    const { stderr, status } = spawnSync(process.execPath, ['tools/docs/command.mjs', '--check'], {
      encoding: 'utf8',
    })
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  }, 120_000)

  it('document the printed schema version', async () => {
    const { stdout } = await netvia(['devices', '--json', '-I', 'lo'])
    const { schema } = JSON.parse(stdout.split('\n')[0]!)
    expect(readFileSync('docs/command/json.md', 'utf8')).toContain(`"schema":${schema}`)
  })
})
