import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'
import { minify } from 'terser'
import { defineConfig } from 'tsdown'
import { writeEntries } from './tools/build/entries.mjs'
import { lateConstants } from './tools/build/late-constants.mjs'
import { lateEntry, lateParts, libraryParts, plainExports } from './tools/build/library-parts.mjs'

const shared = { platform: 'node', target: 'node20', fixedExtension: false, logLevel: 'warn' }

const inLibrary = new Set([...libraryParts.map(({ name }) => name), 'resolver', 'rolldown-runtime'])

/** Names that Rolldown, also in Vite, gives to modules: where a program bundles netvia with it, they would hide each other. */
const loaded = new RegExp(`\\brequire_(${[...inLibrary].join('|').replaceAll('-', '_')})\\b`, 'g')

/** The command carries its libraries: minified. The library stays as it reads, in ASCII: beyond it V8 keeps two bytes a character. */
const finished = {
  name: 'finished',
  async generateBundle(_options, chunks) {
    for (const [file, chunk] of Object.entries(chunks)) {
      if (file.startsWith('lib/')) {
        if (chunk.type !== 'chunk') continue
        const code = chunk.isEntry ? lateEntry(chunk.code) : lateParts(chunk.name, plainExports(chunk.code))
        chunk.code = ownOnly(code.replace(loaded, 'part_$1').replace(/[^\0-\x7f]/g, escaped))
      } else if (chunk.type === 'chunk') {
        const format = { max_line_len: 200 }
        chunk.code = (await minify(chunk.code, { ecma: 2020, toplevel: true, compress: { passes: 2 }, format })).code
        chunk.map = null
      } else if (file.endsWith('.map')) delete chunks[file]
    }
  },
}

const escaped = character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** The bundler's helper would take what a program has added to `Object.prototype` for an export, and throw. */
const ownOnly = code => code.replace('for (var name in all)', 'for (var name of Object.keys(all))')

export default defineConfig([
  // Types of the library.
  {
    ...shared,
    entry: ['src/index.ts', 'src/undici.ts'],
    format: 'esm',
    dts: { emitDtsOnly: true },
    outExtensions: () => ({ dts: '.d.cts' }),
  },
  {
    // The library in its parts, and the command beside it with libraries of its own, so that who uses the library installs none of
    // them. Each subcommand is a chunk that is loaded when it is called.
    ...shared,
    entry: {
      'lib/index': 'src/index.ts',
      'lib/undici': 'src/undici.ts',
      cli: 'src/cli/main.ts',
    },
    format: 'cjs',
    dts: false,
    deps: { onlyBundle: false },
    // As CommonJS, of prom-client's, it is bundled wrongly.
    alias: { '@opentelemetry/api': resolve('node_modules/@opentelemetry/api/build/esm/index.js') },
    plugins: [lateConstants, finished],
    sourcemap: true,
    // dist is cleaned by the first one.
    clean: ['dist/lib', 'dist/cli'],
    outputOptions: {
      chunkFileNames: ({ name }) => `${inLibrary.has(name) ? 'lib' : 'cli'}/[name].cjs`,
      codeSplitting: {
        groups: [
          // What is imported by `await import()`.
          {
            name: 'resolver',
            test: /[\\/](dns[\\/](question|edns-memory|exchange|late-answers|message|plain-answer|schedule|server-socket)|dns-packet[\\/]|ip-codec[\\/])/,
            priority: 1,
          },
          ...libraryParts,
          // What every subcommand loads.
          {
            name: 'shared',
            test: /[\\/]cli[\\/]shared[\\/]((arguments|duration|exit-code|familiar|interrupt|monitor-socket|options|path-options|session|size)\.|output[\\/](escape|format|json|output|service-output|terminal)\.)/,
          },
        ],
        includeDependenciesRecursively: false,
      },
    },
    onSuccess() {
      writeEntries()
      execFileSync(process.execPath, ['tools/build/page.mjs'], { stdio: 'inherit' })
      execFileSync(process.execPath, ['tools/docs/command.mjs'], { stdio: 'inherit' })
    },
  },
])
