import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'
import { defineConfig } from 'tsdown'
import { libraryFiles, writeEntries } from './scripts/entries.mjs'

const shared = { platform: 'node', target: 'node20', fixedExtension: false, logLevel: 'warn' }

/** Errors, their stacks and what console.log shows are told by them. */
const keepNames = { class: true, function: true }

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
    // The library, a file for each part of it: scripts/entries.mjs writes what loads them.
    ...shared,
    entry: libraryFiles(),
    format: 'cjs',
    dts: false,
    minify: { compress: { keepNames }, mangle: { keepNames } },
    clean: ['dist/lib'],
    outputOptions: {
      chunkFileNames: 'lib/[name]-[hash].cjs',
      // What is used together lies together: a file costs as much to load as ten kilobytes of it.
      advancedChunks: {
        groups: [
          {
            name: 'core',
            test: /src\/(errors|options|builtins|random|stats|binding|sockets\/(?!scanner))|ipaddr|protocols\/(deadline\.|result-queue)/,
          },
          { name: 'kernel', test: /protocols\/(netlink|device-)/ },
          { name: 'names', test: /protocols\/dns\/(?!client|message|exchange|lookup)/ },
          { name: 'icmp', test: /protocols\/icmp\/(?!sweep|codec|icmp-socket)/ },
          { name: 'tcp', test: /protocols\/tcp\/(?!listen)/ },
        ],
      },
    },
    onSuccess: writeEntries,
  },
  {
    // The command carries its own libraries, so that who uses the library installs none of them. Each subcommand is a chunk of
    // its own, loaded when it is called.
    ...shared,
    entry: { cli: 'src/cli/main.ts' },
    format: 'esm',
    dts: false,
    minify: true,
    deps: { onlyBundle: false },
    // As CommonJS, of prom-client's, it is bundled wrongly.
    alias: { '@opentelemetry/api': resolve('node_modules/@opentelemetry/api/dist/index.mjs') },
    outputOptions: { chunkFileNames: 'cli/[name]-[hash].js' },
    // dist is cleaned by the first one.
    clean: ['dist/cli'],
    onSuccess() {
      execFileSync(process.execPath, ['scripts/page.mjs'], { stdio: 'inherit' })
      execFileSync(process.execPath, ['scripts/command-docs.mjs'], { stdio: 'inherit' })
    },
  },
])
