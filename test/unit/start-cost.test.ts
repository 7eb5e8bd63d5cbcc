import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { command, netvia } from './cli-process.js'

test('a table of plain text makes no segmenter, which takes ten milliseconds', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'netvia-start-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const hook = join(folder, 'hook.cjs')
  writeFileSync(hook, 'Intl.Segmenter = class { constructor() { throw new Error("made") } }')
  const { code, stdout, stderr } = await netvia(['devices'], { env: { NODE_OPTIONS: `--require ${hook}` } })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('lo ')
})

test('nor the set of all emoji, which takes fifteen', () => {
  const folder = join(dirname(command), 'cli')
  const chunks = readdirSync(folder).filter(file => file.endsWith('.cjs'))
  const found = chunks.flatMap(file => readFileSync(join(folder, file), 'utf8').match(/.{3}\/\^\\p\{RGI_Emoji/g) ?? [])
  expect(found.map(text => text.slice(0, 3))).toEqual(['??='])
})
