// Generates three things from the compiled command: the manual page, the licences of the bundled libraries, and the reference in
// docs/command.md and docs/command/. `--write` updates the reference, `--check` only compares it.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { carried, packagesOf } from '../build/packages.mjs'
import { root } from '../root.mjs'

/** The subcommands on each page of docs/command/. */
const groups = {
  probes: ['ping', 'sweep', 'trace', 'mtr'],
  checks: ['connect', 'http', 'dns', 'scan', 'line'],
  services: ['monitor', 'status', 'force', 'report', 'exporter', 'proxy'],
  machine: ['run', 'devices', 'doctor', 'schema', 'completion', 'man'],
}
const [begin, end] = ['<!-- reference: made by tools/docs/command.mjs -->', '<!-- end of reference -->']

writeFileSync(join(root, 'dist/netvia.1'), netvia('man'))
writeFileSync(join(root, 'dist/LICENSES.txt'), licences())
const mode = ['--write', '--check'].find(flag => process.argv.includes(flag))
if (mode) {
  update('docs/command.md', index())
  for (const [name, commands] of Object.entries(groups)) update(`docs/command/${name}.md`, reference(commands))
}

/** Writes the text between the two marks of the page, or reports that the page is out of date. */
function update(page, text) {
  const old = readFileSync(join(root, page), 'utf8')
  const [before, rest] = old.split(begin)
  const current = `${before}${begin}\n\n${text}\n${end}${rest.split(end)[1]}`
  if (current === old) return
  if (mode === '--write') return writeFileSync(join(root, page), current)
  console.error(`${page} is out of date: run node tools/docs/command.mjs --write`)
  process.exitCode = 1
}

function netvia(...args) {
  const env = { ...process.env, COLUMNS: '100', NO_COLOR: '1' }
  return execFileSync(process.execPath, [join(root, 'dist/cli.cjs'), ...args], { encoding: 'utf8', env })
}

/** A table of all subcommands, with links to their pages. */
function index() {
  const lines = netvia('--help')
    .split('Commands:\n')[1]
    .split('\n\n')[0]
    .replaceAll(/\n {10,}/g, ' ')
  const rows = [...lines.matchAll(/^ {2}([a-z]+) +(.+)$/gm)].filter(([, name]) => name !== 'help')
  const table = rows.map(([, name, summary]) => {
    const [page] = Object.entries(groups).find(([, commands]) => commands.includes(name)) ?? []
    if (!page) throw new Error(`${name}: tools/docs/command.mjs names no page for this subcommand`)
    return `| [\`${name}\`](command/${page}.md#${name}) | ${summary.replaceAll('|', '\\|')} |`
  })
  return `| subcommand | what it does |\n|---|---|\n${table.join('\n')}\n`
}

/** The help of these subcommands. */
function reference(commands) {
  return commands.map(name => `## ${name}\n\n\`\`\`text\n${netvia(name, '--help').trimEnd()}\n\`\`\`\n`).join('\n')
}

/** The licences of all bundled libraries. */
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
