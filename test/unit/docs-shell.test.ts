import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import { parseDocument } from 'yaml'
import { makeProgram } from '../../src/cli/program.js'
import { schemaErrors } from './cli-schema.js'
import { blocksOf, pages, root } from './markdown.js'

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Commands from other packages that the pages may name. */
const others = [
  'cat',
  'cd',
  'chromium',
  'curl',
  'docker',
  'echo',
  'exit',
  'find',
  'git',
  'ip',
  'man',
  'ping',
  'rm',
  'scp',
  'setcap',
  'sha256sum',
  'ssh',
  'tail',
  'tar',
  'ulimit',
  'uname',
]

interface Line {
  where: string
  words: string[]
}

/** The commands of a shell block without comments and `sudo`. Each part of a pipe or list is one command. */
function commandsIn(source: string): string[][] {
  const whole = source.replaceAll(/\\\n\s*/g, ' ').replaceAll(/(^|\s)#.*$/gm, '')
  return whole
    .replaceAll(/ >>? *\S+/g, '')
    .split(/\n|&&|\|\||[|;]/)
    .map(part => part.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [])
    .map(words => words.map(word => word.replaceAll(/["']/g, '')))
    .map(words => (words[0] === 'sudo' ? words.slice(1) : words))
    .filter(words => words.length > 0)
}

const commands: Line[] = pages.flatMap(page =>
  blocksOf(page, 'sh').flatMap(({ line, source }) =>
    commandsIn(source).map(words => ({ where: `${page}:${line}`, words })),
  ),
)

/** The reason why commander would refuse these arguments, or undefined. Runs nothing. */
async function refusal(args: string[]): Promise<string | undefined> {
  const program = await makeProgram('0', { exit: 0 } as never, args[0])
  for (const command of program.commands) {
    command
      .action(() => {})
      .exitOverride()
      .configureOutput({ writeErr: () => {}, writeOut: () => {} })
  }
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if ((error as { exitCode?: number }).exitCode !== 0) return (error as Error).message
  }
}

describe('shell blocks of the documentation', () => {
  const linesOf = (name: string) => commands.filter(({ words }) => words[0] === name)

  it('have only known commands', () => {
    const known = ['netvia', 'npm', 'node', 'sysctl', ...others]
    expect(commands.length).toBeGreaterThan(20)
    expect(commands.filter(({ words }) => !known.includes(words[0]!) && !words[0]!.startsWith('.ci/'))).toEqual([])
  })

  it('have valid netvia calls', async () => {
    const refused = []
    for (const { where, words } of linesOf('netvia')) {
      const why = await refusal(words.slice(1))
      if (why !== undefined) refused.push({ where, words, why })
    }
    expect(linesOf('netvia').length).toBeGreaterThan(10)
    expect(refused).toEqual([])
  })

  it('the check rejects an invalid call', async () => {
    expect(await refusal(['ping', '--wait', '3', 'example.com'])).toContain("unknown option '--wait'")
    expect(await refusal(['http', '-I', 'wan1'])).toContain('missing required argument')
  })

  it('name existing npm scripts, files and sysctls', () => {
    const runs = linesOf('npm').filter(({ words }) => words[1] === 'run')
    expect(runs.filter(({ words }) => !(words[2]! in scripts))).toEqual([])
    const files = linesOf('node').filter(({ words }) => /^[^/].*\.m?js$/.test(words[1] ?? ''))
    expect(files.filter(({ words }) => !existsSync(join(root, words[1]!)))).toEqual([])
    const names = linesOf('sysctl').flatMap(({ words }) => words.slice(1).filter(word => !word.startsWith('-')))
    const paths = names.map(name => `/proc/sys/${name.split('=')[0]!.trim().replaceAll('.', '/')}`)
    expect(paths.filter(path => !existsSync(path.replace(/conf\/[^/]+/, 'conf/all')))).toEqual([])
  })
})

test('JSON lines in the documentation match the schema', async () => {
  const lines = pages.flatMap(page => blocksOf(page, 'json')).map(({ source }) => JSON.parse(source))
  expect(lines.length).toBeGreaterThan(0)
  expect(await schemaErrors(lines.filter(line => 'schema' in line))).toEqual([])
})

test('YAML blocks are valid', () => {
  const documents = pages.flatMap(page => blocksOf(page, 'yaml')).map(({ source }) => parseDocument(source))
  expect(documents.length).toBeGreaterThan(0)
  expect(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([])
})
