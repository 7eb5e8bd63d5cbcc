// Writes the table of simulated lines into docs/simulated-lines.md. It compares the monitor's defaults with the rules of mwan3 and
// dpinger on the same traces. test/lines/ has the lines and the rules.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'tsdown'

const path = name => fileURLToPath(new URL(`../../${name}`, import.meta.url))
const outDir = path('.cache/lines')

await build({
  config: false,
  entry: { table: path('test/lines/table.ts') },
  format: 'esm',
  platform: 'node',
  dts: false,
  outDir,
  logLevel: 'warn',
})
const { markdown, simulate } = await import(pathToFileURL(`${outDir}/table.mjs`).href)
const table = markdown(simulate())

const page = path('docs/simulated-lines.md')
const [begin, end] = ['<!-- table of lines, made by npm run simulate -->', '<!-- end of table -->']
const text = readFileSync(page, 'utf8')
const [before, rest] = text.split(begin)
writeFileSync(page, `${before}${begin}\n\n${table}\n\n${rest.slice(rest.indexOf(end))}`)
console.log(table)
