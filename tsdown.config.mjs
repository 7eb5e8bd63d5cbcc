import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'
import { minify } from 'terser'
import { defineConfig } from 'tsdown'
import { writeEntries } from './scripts/entries.mjs'

const shared = { platform: 'node', target: 'node20', fixedExtension: false, logLevel: 'warn' }

/**
 * In the library errors, their stacks and what console.log shows are told by the names of functions and classes. In lines: Node shows
 * the whole line that an uncaught error comes from.
 */
const minified = {
  name: 'minified',
  async generateBundle(_options, chunks) {
    for (const chunk of Object.values(chunks)) {
      const names = chunk.fileName.startsWith('lib/') ? { keep_classnames: true, keep_fnames: true } : {}
      // One character beyond ASCII doubles what V8 keeps of the whole file.
      const format = { max_line_len: 200, ascii_only: true }
      const options = { ecma: 2020, toplevel: true, compress: { passes: 2 }, format, ...names }
      // Bundled, a class is the value of a variable, and the names of those are not kept.
      const code = chunk.code.replace(/^var (\w+) = class(?: \1)?(?= )/gm, 'class $1')
      chunk.code = (await minify(code, options)).code
    }
  },
}

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
    // The library as one file, and the command beside it with libraries of its own, so that who uses the library installs none of
    // them. Each subcommand is a chunk that is loaded when it is called.
    ...shared,
    entry: {
      'lib/errors': 'src/errors.ts',
      'lib/index': 'src/index.ts',
      'lib/undici': 'src/undici.ts',
      cli: 'src/cli/main.ts',
    },
    format: 'cjs',
    dts: false,
    deps: { onlyBundle: false },
    // As CommonJS, of prom-client's, it is bundled wrongly.
    alias: { '@opentelemetry/api': resolve('node_modules/@opentelemetry/api/dist/index.mjs') },
    plugins: [minified],
    // dist is cleaned by the first one.
    clean: ['dist/lib', 'dist/cli'],
    outputOptions: {
      chunkFileNames: ({ name }) =>
        `${/^(errors|resolver|library|rolldown-runtime)$/.test(name) ? 'lib' : 'cli'}/[name].cjs`,
      codeSplitting: {
        groups: [
          { name: 'errors', test: /[\\/]src[\\/]errors\.ts$/, priority: 2 },
          // What is imported by `await import()`.
          {
            name: 'resolver',
            test: /[\\/](dns[\\/](client|message|exchange)|dns-packet[\\/]|ip-codec[\\/])/,
            priority: 1,
          },
          { name: 'library', test: /^(?!.*node_modules).*[\\/]src[\\/](?!cli[\\/]|index\.ts$|undici\.ts$)/ },
        ],
        includeDependenciesRecursively: false,
      },
    },
    onSuccess() {
      writeEntries()
      execFileSync(process.execPath, ['scripts/page.mjs'], { stdio: 'inherit' })
      execFileSync(process.execPath, ['scripts/command-docs.mjs'], { stdio: 'inherit' })
    },
  },
])
