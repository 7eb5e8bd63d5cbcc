import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'

const file = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

test('the library loads in a bundle of Rolldown, which also made the library', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bundled-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const entry = join(folder, 'entry.mjs')
  writeFileSync(
    entry,
    `import { splitHostPort } from ${JSON.stringify(file('dist/index.js'))}\nconsole.log(splitHostPort('a:1').port)`,
  )
  const words = [entry, '--format', 'cjs', '--platform', 'node', '--dir', folder]
  execFileSync(process.execPath, [file('node_modules/rolldown/bin/cli.mjs'), ...words], { stdio: 'pipe' })
  expect(execFileSync(process.execPath, [join(folder, 'entry.js')], { encoding: 'utf8' })).toBe('1\n')
})
