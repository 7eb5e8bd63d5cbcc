// What a program gets by `import` and by `require`: the one library in dist/lib, so that a program which does both has one netvia
// and not two. `require` loads a part of it when something of that is first used; `import`, whose names are bindings, loads all at once.
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const dist = fileURLToPath(new URL('../../dist/', import.meta.url))

export function writeEntries() {
  for (const entry of ['index', 'undici']) {
    const names = Object.keys(createRequire(import.meta.url)(`${dist}lib/${entry}.cjs`))
    writeFileSync(`${dist}${entry}.cjs`, `module.exports = require('./lib/${entry}.cjs')\n`)
    writeFileSync(`${dist}${entry}.js`, esModule(entry, names))
    writeFileSync(`${dist}${entry}.d.ts`, `export * from './${entry}.cjs'\n`)
  }
}

function esModule(entry, names) {
  return `import library from './lib/${entry}.cjs'
export const { ${names.join(', ')} } = library
`
}
