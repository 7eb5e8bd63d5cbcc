// Part of `npm run docs`: fails if a page has prose wider than 100 columns, or one of the phrases that are hard to read.
import { readdirSync, readFileSync } from 'node:fs'

const root = new URL('../../', import.meta.url)
const docs = readdirSync(new URL('docs/', root), { recursive: true }).filter(name => name.endsWith('.md'))
const pages = ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'examples/README.md', ...docs.map(name => `docs/${name}`)]

const rules = [
  [/\b(is|are|was|be|been) told\b|\btold (apart|of|once)\b/i, 'reported, shown, distinguished'],
  [/\btells?\b/i, 'reports, shows, returns'],
  [/\bmend(s|ed|ing)?\b/i, 'fix'],
  [/\banew\b|\bonce more\b/i, 'again'],
  [/\bfor ever\b/i, 'forever, permanently'],
  [/\b(leaves?|left|goes out|go out) by\b/i, 'goes out through, uses'],
  [/\bwhom\b|\bwho(ever)? (has|have|asks|takes|is|of)\b/i, 'name the actor'],
  [/\bfails? closed\b/i, 'fails instead of falling back'],
  [/\bby (hand|itself|themselves)\b/i, 'manually, automatically, alone'],
  [/\b(let go|way out)\b/i, 'closed, dropped; outgoing device'],
]

const faults = pages.flatMap(page => {
  const lines = prose(readFileSync(new URL(page, root), 'utf8')).split('\n')
  return lines.flatMap((line, index) => {
    const at = `${page}:${index + 1}`
    const long = line.length > 100 && !/^(\|| {4}|!\[)/.test(line) ? [`${at}: ${line.length} columns`] : []
    const text = line.replaceAll(/`[^`]*`/g, '')
    const found = rules.flatMap(([pattern, instead]) => {
      const [match] = pattern.exec(text) ?? []
      return match ? [`${at}: "${match}" (${instead})`] : []
    })
    return [...long, ...found]
  })
})
for (const fault of faults) console.error(fault)
process.exitCode = faults.length ? 1 : 0

/** Blanks out code and generated parts, and keeps the number of lines. */
function prose(page) {
  const empty = text => text.replaceAll(/[^\n]/g, '')
  return page.replaceAll(/^ *```[\s\S]*?^ *```|<!-- bench: begin -->[\s\S]*?<!-- bench: end -->/gm, empty)
}
