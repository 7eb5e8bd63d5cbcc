import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
// @ts-expect-error: a tool, without types
import { absoluteLinks, makeAbsolute, restore } from '../../tools/package/links.mjs'
import { root } from './markdown.js'

const pages = ['README.md', 'CHANGELOG.md']
const repository = 'https://github.com/owner/netvia'

function packageFolder(named: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'netvia-links-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const name of [...pages, 'package.json']) copyFileSync(join(root, name), join(folder, name))
  writeFileSync(join(folder, 'publisher.json'), JSON.stringify({ repository: named, author: '' }))
  return folder
}

const read = (folder: string) => pages.map(name => readFileSync(join(folder, name), 'utf8'))

test.each([
  ['[dns](docs/dns.md#cache)', `[dns](${repository}/blob/v1.2.3/docs/dns.md#cache)`],
  ['![page](docs/pictures/page.png)', `![page](${repository}/raw/v1.2.3/docs/pictures/page.png)`],
  ['[broken\nline](SECURITY.md)', `[broken\nline](${repository}/blob/v1.2.3/SECURITY.md)`],
  ['[below](#tour) [web](https://example.com/a)', '[below](#tour) [web](https://example.com/a)'],
])('%j becomes %j', (page, packed) => {
  expect(absoluteLinks(page, repository, '1.2.3')).toBe(packed)
})

test('a packed page has no link to a file outside the package, and is restored after packing', () => {
  const folder = packageFolder(repository)
  const before = read(folder)
  makeAbsolute(folder)
  makeAbsolute(folder)
  const packed = read(folder).join('\n')
  expect([...packed.matchAll(/\]\((?!#|https:)[^)]*\)/g)].map(([link]) => link)).toEqual([])
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const files = [...packed.matchAll(new RegExp(`${repository}/(?:blob|raw)/v${version}/([^)#]+)`, 'g'))].map(
    ([, file]) => file!,
  )
  expect(files.length).toBeGreaterThan(20)
  expect(files.filter(file => !existsSync(join(root, file)))).toEqual([])
  restore(folder)
  expect(read(folder)).toEqual(before)
  restore(folder)
  expect(read(folder)).toEqual(before)
})

test('without a repository, the pages are packed unchanged', () => {
  const folder = packageFolder('')
  const before = read(folder)
  makeAbsolute(folder)
  expect(read(folder)).toEqual(before)
})
