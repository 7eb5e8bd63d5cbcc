import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')
const text = ['', '-ping', '-go']
  .map(part => read(`docs/compatibility${part}.md`))
  .join('\n')
  .replace(/\s+/g, ' ')
/** Matches `file` › title, up to the end of the cell, the line break or the end of the list item. */
const twins = [
  ...text.matchAll(/`(test\/[^`]+)` › (.*?)(?:<br>| \||: (?:a thousand devices|a next hop|no other tool)|\. - )/g),
]

it.each(twins.map(([, file, title]) => [file!, title!]))('%s has the equivalent: %s', (file, title) => {
  expect(existsSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)))).toBe(true)
  expect(read(file).replaceAll("\\'", "'")).toContain(title)
})

it('finds every equivalent', () => {
  expect(twins).toHaveLength(text.split(' › ').length - 1)
})
