// Writes the entries for `import` and `require`. Both load the library in dist/lib, so a program that uses both has one netvia and
// not two. `require` loads a part of the library when one of its names is first used. `import` creates bindings for all names, so
// it loads everything immediately.
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
