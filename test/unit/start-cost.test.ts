import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { command, netvia } from './cli-process.js'

const dist = dirname(command)

test('a table of plain text creates no segmenter, which would take 10 ms', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'netvia-start-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const hook = join(folder, 'hook.cjs')
  writeFileSync(hook, 'Intl.Segmenter = class { constructor() { throw new Error("made") } }')
  const { code, stdout, stderr } = await netvia(['devices'], { env: { NODE_OPTIONS: `--require ${hook}` } })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('lo ')
})

test("no address uses Node's regular expression for IPv6, which would take 3 ms", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'netvia-start-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const hook = join(folder, 'hook.cjs')
  const refused = 'net.isIP = net.isIPv6 = () => { throw new Error("asked") }'
  writeFileSync(hook, `const net = require('node:net'); ${refused}`)
  const env = { NODE_OPTIONS: `--require ${hook}` }
  const pinged = await netvia(['ping', '-c', '1', '-I', 'lo', '::1'], { env })
  expect(pinged).toMatchObject({ code: 0, stderr: '' })
  const asked = await netvia(['dns', '--server', '[::1]:1', '-W', '1', '1.0.0.127.in-addr.arpa', 'PTR'], { env })
  expect(asked.stderr + asked.stdout).not.toContain('Error: asked')
})

test('nor the set of all emoji, which would take 15 ms', () => {
  const folder = join(dist, 'cli')
  const chunks = readdirSync(folder).filter(file => file.endsWith('.cjs'))
  const found = chunks.flatMap(file => readFileSync(join(folder, file), 'utf8').match(/.{3}\/\^\\p\{RGI_Emoji/g) ?? [])
  expect(found.map(text => text.slice(0, 3))).toEqual(['??='])
})

/** The files in dist and Node's own modules that a program has loaded when it ends. */
function loadedBy(program: string, ...args: string[]): { files: string[]; modules: string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'netvia-start-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const [hook, report] = [join(folder, 'hook.cjs'), join(folder, 'report.json')]
  const loaded = 'JSON.stringify([Object.keys(require.cache), process.moduleLoadList])'
  writeFileSync(
    hook,
    `process.on('exit', () => require('node:fs').writeFileSync(${JSON.stringify(report)}, ${loaded}))`,
  )
  execFileSync(process.execPath, ['--require', hook, program, ...args])
  const [files, modules] = JSON.parse(readFileSync(report, 'utf8')) as [string[], string[]]
  return { files: files.filter(file => !file.startsWith(folder)).map(file => relative(dist, file)), modules }
}

describe('loading', () => {
  const rarelyUsed = ['http', 'tls', 'child_process', 'timers/promises', 'fs/promises'].map(
    name => `NativeModule ${name}`,
  )

  test('the help loads the flags of all subcommands, but not their code', () => {
    const { files, modules } = loadedBy(command, '--help')
    expect(files).toContain('cli/shared.cjs')
    expect(files.filter(file => /^cli\/(run|yaml|table|live)/.test(file))).toEqual([])
    expect(modules.filter(name => rarelyUsed.includes(name))).toEqual([])
  })

  test('a subcommand loads its own flags, and the parts of the library that it uses', () => {
    const { files, modules } = loadedBy(command, 'ping', '--help')
    expect(files.map(file => file.replace(/command\d*/, 'command')).sort()).toEqual([
      ...['cli.cjs', 'cli/command.cjs', 'cli/shared.cjs'],
      ...['lib/basics.cjs', 'lib/foundation.cjs', 'lib/probing.cjs', 'lib/rolldown-runtime.cjs', 'lib/timers.cjs'],
    ])
    expect(modules.filter(name => rarelyUsed.includes(name))).toEqual([])
  })

  const entries = ['index.cjs', 'lib/index.cjs', 'lib/rolldown-runtime.cjs', 'lib/timers.cjs']

  /** The files in dist that a program has loaded. The program gets the folder as `dist`. */
  function filesOf(type: 'cjs' | 'mjs', code: (dist: string) => string): string[] {
    const folder = mkdtempSync(join(tmpdir(), 'netvia-start-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const program = join(folder, `program.${type}`)
    writeFileSync(program, code(dist))
    return loadedBy(program)
      .files.filter(file => !file.startsWith('..'))
      .sort()
  }

  test('a program that requires netvia loads only timers first, and then what it uses', () => {
    const requiring = (use: string) => (dist: string) => `const netvia = require('${dist}/index.cjs')\n${use}`
    expect(filesOf('cjs', requiring('netvia'))).toEqual(entries)
    const call = ['lib/basics.cjs', 'lib/probing.cjs']
    expect(filesOf('cjs', requiring('netvia.ping'))).toEqual([...entries, ...call].sort())
    const called = [...call, 'lib/foundation.cjs', 'lib/probes.cjs']
    expect(filesOf('cjs', requiring("netvia.ping('127.0.0.1')"))).toEqual([...entries, ...called].sort())
  })

  test('a program that imports netvia loads calls and classes, but not their implementation', () => {
    const files = filesOf('mjs', dist => `import * as netvia from '${dist}/index.js'\nObject.values(netvia)`)
    const names = ['lib/basics.cjs', 'lib/calls.cjs', 'lib/probing.cjs']
    expect(files).toEqual([...entries.slice(1), ...names].sort())
  })

  test('each part can be loaded first', () => {
    const lib = join(dist, 'lib')
    const parts = readdirSync(lib).filter(file => file.endsWith('.cjs'))
    const forget = 'for (const file of Object.keys(require.cache)) delete require.cache[file]'
    const program = parts.map(part => `require('${lib}/${part}')\n${forget}`).join('\n')
    execFileSync(process.execPath, ['-e', program])
  })
})
