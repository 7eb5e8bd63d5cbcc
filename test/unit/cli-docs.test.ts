import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, test } from 'vitest'
import { netvia, shell } from './cli-process.js'
import { requires } from './requirements.js'

const has = (tool: string) => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0

describe('completion', () => {
  /** What bash offers after these words. */
  async function offered(...words: string[]): Promise<string[]> {
    const line = `source <(netvia completion bash); COMP_WORDS=(netvia ${words.map(word => `'${word}'`).join(' ')})
      COMP_CWORD=${words.length}; _netvia; printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout, stderr } = await shell(line)
    expect(stderr).toBe('')
    return stdout.split('\n').filter(Boolean)
  }

  it('of bash offers subcommands, options, devices and values', async context => {
    requires(context, 'bash')
    expect(await offered('')).toEqual(expect.arrayContaining(['ping', 'http', 'doctor', '--help']))
    expect(await offered('ht')).toEqual(['http'])
    expect(await offered('ping', '--c')).toEqual(['--count'])
    expect(await offered('ping', '-I', 'l')).toContain('lo')
    expect(await offered('http', '--device', 'lo')).toEqual(['lo'])
    expect(await offered('dns', '-t', 'SR')).toEqual(['SRV'])
    expect(await offered('ping', '-c', '')).toEqual([])
    expect(await offered('http', '--cacert', 'package.j')).toEqual(['package.json'])
    expect(await offered('completion', 'z')).toEqual(['zsh'])
  })

  test.each(['bash', 'zsh', 'fish'])('of %s knows every subcommand and option', async name => {
    const { code, stdout } = await netvia(['completion', name])
    expect(code).toBe(0)
    const { stdout: help } = await netvia(['--help'])
    for (const [, subcommand] of help.matchAll(/^ {2}([a-z]+)(?= (?:\[|<| ))/gm)) {
      if (subcommand !== 'help') expect(stdout).toContain(subcommand)
    }
    for (const option of ['count', 'interval', 'device', 'mark', 'expect-status', 'json', 'ports']) {
      expect(stdout).toMatch(new RegExp(`(--| -l )${option}\\b`))
    }
    if (!has(name)) return
    // As a file: fish does not read a script from the socket that spawnSync gives it.
    const folder = mkdtempSync(join(tmpdir(), 'netvia-completion-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, name), stdout)
    expect(spawnSync(name, ['-n', join(folder, name)]).status).toBe(0)
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
    for (const part of ['ping [options] <host>', '-I, --device <name>', 'EXIT STATUS', 'NO_COLOR'])
      expect(text).toContain(part)
  })
})

describe('docs/command.md', () => {
  it('has the help of every subcommand as it is', () => {
    const { stderr, status } = spawnSync(process.execPath, ['scripts/command-docs.mjs', '--check'], {
      encoding: 'utf8',
    })
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  })

  it('documents the schema version that is printed', async () => {
    const { stdout } = await netvia(['devices', '--json', '-I', 'lo'])
    const { schema } = JSON.parse(stdout.split('\n')[0]!)
    expect(readFileSync('docs/command.md', 'utf8')).toContain(`"schema":${schema}`)
  })
})
