// What a program gets by `import` and by `require`. Both give the one library in dist/lib, so that a program which does both has one
// netvia and not two, and load it when something of it is first used: an `import` takes 7 ms so, and 19 otherwise.
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const dist = fileURLToPath(new URL('../dist/', import.meta.url))

/** What errors are told by is no stand-in: loaded at once, it is the same everywhere. */
const atOnce = 'NetviaError'

export function writeEntries() {
  for (const entry of ['index', 'undici']) {
    const library = createRequire(import.meta.url)(`${dist}lib/${entry}.cjs`)
    writeFileSync(`${dist}${entry}.cjs`, commonJs(entry, library))
    writeFileSync(`${dist}${entry}.js`, esModule(entry, library))
    writeFileSync(`${dist}${entry}.d.ts`, `export * from './${entry}.cjs'\n`)
  }
}

function commonJs(entry, library) {
  const { [atOnce]: error, ...late } = library
  return `'use strict'
${error ? `exports.${atOnce} = require('./lib/errors.cjs').${atOnce}\n` : ''}for (const name of ${JSON.stringify(Object.keys(late))})
  Object.defineProperty(exports, name, { enumerable: true, get: () => require('./lib/${entry}.cjs')[name] })
`
}

function esModule(entry, library) {
  const exported = Object.entries(library).map(
    ([name, value]) => `export const ${name} = ${standIn(`library.${name}`, value)}`,
  )
  return `import library from './${entry}.cjs'
const traps = ['apply', 'construct', 'defineProperty', 'deleteProperty', 'get', 'getPrototypeOf', 'has', 'set']
// A class that does what the real one does.
const late = real =>
  new Proxy(function () {}, Object.fromEntries(traps.map(trap => [trap, (_, ...args) => Reflect[trap](real(), ...args)])))
${exported.join('\n')}
`
}

function standIn(real, value) {
  if (real.endsWith(`.${atOnce}`)) return real
  if (/^class\b/.test(value)) return `late(() => ${real})`
  if (typeof value === 'function') return `(...args) => ${real}(...args)`
  return `{ ${Object.entries(value).map(([key, member]) => `${key}: ${standIn(`${real}.${key}`, member)}`)} }`
}
