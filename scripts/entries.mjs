// What a program gets by `import` and by `require`: dist/index.js and dist/index.cjs load each public name when it is first used.
// Both give the same implementation (dist/lib), so that a program which does both has one netvia and not two.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Public names of src/<entry>.ts, each with its source file and how it is read from that. */
function namesOf(entry) {
  const text = readFileSync(`${root}src/${entry}.ts`, 'utf8')
  const lists = [...text.matchAll(/^export \{([^}]*)\} from '\.\/(.*)\.js'$/gm)].flatMap(([, list, file]) => {
    const names = list.split(',').map(name => name.trim())
    return names.filter(name => name && !name.startsWith('type ')).map(name => ({ name, file, member: `.${name}` }))
  })
  const wholes = [...text.matchAll(/^export \* as (\w+) from '\.\/(.*)\.js'$/gm)]
  return [...lists, ...wholes.map(([, name, file]) => ({ name, file, member: '' }))]
}

/** The source files that become files of dist/lib, by their name there. */
export function libraryFiles() {
  const files = ['index', 'undici'].flatMap(namesOf).map(({ file }) => file)
  return Object.fromEntries(files.map(file => [`lib/${file}`, `src/${file}.ts`]))
}

/** Writes the entries: `lib` is compiled. */
export function writeEntries() {
  for (const file of readdirSync(`${root}dist/lib`, { recursive: true })) {
    if (!file.endsWith('.cjs')) continue
    const path = `${root}dist/lib/${file}`
    writeFileSync(path, breakLines(forBundlers(readFileSync(path, 'utf8'))))
  }
  for (const entry of ['index', 'undici']) {
    writeFileSync(`${root}dist/${entry}.cjs`, commonJs(entry))
    const library = createRequire(import.meta.url)(`${root}dist/${entry}.cjs`)
    writeFileSync(`${root}dist/${entry}.js`, esModule(entry, library))
    writeFileSync(`${root}dist/${entry}.d.ts`, `export * from './${entry}.cjs'\n`)
  }
}

/**
 * Bundled into an ES module, CommonJS finds neither `require`, without which Node before 20.16 has no other way to its modules, nor
 * `__filename`: the program's own file is the next best.
 */
function forBundlers(code) {
  const own = 'require(`url`).pathToFileURL(__filename).href'
  const builtin = /\brequire\(`((?:node:[\w/]+)|url|buffer)`\)/g
  const heads = []
  if (builtin.test(code))
    heads.push('const __builtin=process.getBuiltinModule??module.constructor.createRequire(__filename);')
  if (code.includes(own)) {
    heads.push('const __own=typeof __filename===`undefined`?process.argv[1]??process.execPath:__filename;')
  }
  const found = code.replaceAll(own, '__builtin(`url`).pathToFileURL(__own).href').replace(builtin, '__builtin(`$1`)')
  return heads.join('') + found
}

/** A statement a line: Node shows the whole line that an uncaught error comes from, and minified all of a file is one. */
function breakLines(code) {
  const source = ts.createSourceFile('library.cjs', code, ts.ScriptTarget.Latest, false, ts.ScriptKind.JS)
  const starts = new Set()
  const visit = node => {
    const parts = node.statements ?? (ts.isClassLike(node) ? node.members : [])
    for (const part of parts) starts.add(part.getStart(source))
    ts.forEachChild(node, visit)
  }
  visit(source)
  starts.delete(0)
  const places = [0, ...[...starts].sort((a, b) => a - b), code.length]
  return places
    .slice(1)
    .map((end, i) => code.slice(places[i], end))
    .join('\n')
}

function commonJs(entry) {
  const loads = namesOf(entry).map(
    ({ name, file, member }) => `define('${name}', () => require('./lib/${file}.cjs')${member})`,
  )
  return `'use strict'
const define = (name, load) =>
  Object.defineProperty(exports, name, {
    enumerable: true,
    configurable: true,
    get() {
      const value = load()
      Object.defineProperty(exports, name, { value })
      return value
    },
  })
${loads.join('\n')}
`
}

/** Node looks for the names of a CommonJS module by reading all of it: here they are written down. */
function esModule(entry, library) {
  const lines = Object.keys(library).map(
    name => `export const ${name} = ${late(name, library[name], `library.${name}`)}`,
  )
  const classes = lines.some(line => line.includes('lateClass('))
  return [`import library from './${entry}.cjs'`, ...(classes ? [lateClass] : []), ...lines, ''].join('\n')
}

function late(name, value, reference) {
  if (typeof value === 'object') {
    return `{ ${Object.keys(value)
      .map(key => `${key}: ${late(key, value[key], `${reference}.${key}`)}`)
      .join(', ')} }`
  }
  return /^class\b/.test(value) ? `lateClass('${name}')` : `(...args) => ${reference}(...args)`
}

/** Has everything of the class itself, its prototype included. */
const lateClass = `const lateClass = name => {
  const late = new Proxy(function () {}, {
    construct: (_, args, target) => Reflect.construct(library[name], args, target === late ? library[name] : target),
    apply: (_, self, args) => Reflect.apply(library[name], self, args),
    get: (_, key) => library[name][key],
    set: (_, key, value) => Reflect.set(library[name], key, value),
    has: (_, key) => key in library[name],
    getPrototypeOf: () => Object.getPrototypeOf(library[name]),
  })
  return late
}`
