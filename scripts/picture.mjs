// Puts the picture into README.md: the table of a real run of the demo on the router with two uplinks. Needs root.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const readme = fileURLToPath(new URL('../README.md', import.meta.url))
const demo = fileURLToPath(new URL('demo.mjs', import.meta.url))
const [begin, end] = ['<!-- picture: made by scripts/picture.mjs -->', '<!-- end of picture -->']

const output = execFileSync(process.execPath, [demo], { encoding: 'utf8' })
const table = /A router with two uplinks.*/s.exec(output)[0].trim()
const [before, rest] = readFileSync(readme, 'utf8').split(begin)
writeFileSync(readme, `${before}${begin}\n\n\`\`\`text\n${table}\n\`\`\`\n\n${end}${rest.split(end)[1]}`)
