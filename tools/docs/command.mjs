// What is made from the compiled command: the manual page, and the licences of the libraries that dist carries;
// and the reference in docs/command.md (written with --write, else only compared: the exit code tells).
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { carried, packagesOf } from '../build/packages.mjs'
import { root } from '../root.mjs'

const page = join(root, 'docs/command.md')
const [begin, end] = ['<!-- reference: made by tools/docs/command.mjs -->', '<!-- end of reference -->']
writeFileSync(join(root, 'dist/netvia.1'), netvia('man'))
writeFileSync(join(root, 'dist/LICENSES.txt'), licences())

const text = existsSync(page) ? readFileSync(page, 'utf8') : `${begin}\n${end}\n`
const [before, rest] = text.split(begin)
const current = `${before}${begin}\n\n${reference()}\n${end}${rest.split(end)[1]}`
if (process.argv.includes('--write')) writeFileSync(page, current)
else if (process.argv.includes('--check') && current !== text) {
  console.error('docs/command.md is not up to date: node tools/docs/command.mjs --write')
  process.exitCode = 1
}

function netvia(...args) {
  const env = { ...process.env, COLUMNS: '100', NO_COLOR: '1' }
  return execFileSync(process.execPath, [join(root, 'dist/cli.cjs'), ...args], { encoding: 'utf8', env })
}

/** The help of every subcommand. */
function reference() {
  const names = [...netvia('--help').matchAll(/^ {2}([a-z]+)(?: \[| <| {2})/gm)].map(([, name]) => name)
  const commands = names.filter(name => name !== 'help')
  return commands.map(name => `### ${name}\n\n\`\`\`text\n${netvia(name, '--help').trimEnd()}\n\`\`\`\n`).join('\n')
}

/** The licences of everything that is bundled. */
function licences() {
  const namesOf = new Map()
  for (const { name, version, license, folder } of packagesOf(carried)) {
    const file = readdirSync(folder).find(entry => /^licen[cs]e/i.test(entry))
    const terms = file ? readFileSync(join(folder, file), 'utf8').trim() : license
    namesOf.set(terms, [...(namesOf.get(terms) ?? []), `${name} ${version}`])
  }
  const parts = [...namesOf].map(([terms, names]) => `${names.join(', ')}\n\n${terms}\n`)
  return parts.join(`\n${'-'.repeat(80)}\n\n`)
}
