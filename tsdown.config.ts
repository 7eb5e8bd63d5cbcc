import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'
import { defineConfig } from 'tsdown'

const shared = { platform: 'node', target: 'node20', fixedExtension: false, logLevel: 'warn' } as const

export default defineConfig([
  { ...shared, entry: ['src/index.ts', 'src/undici.ts'], format: ['esm', 'cjs'], dts: true },
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
    // dist is cleaned by the other one.
    clean: ['dist/cli'],
    onSuccess() {
      execFileSync(process.execPath, ['scripts/page.mjs'], { stdio: 'inherit' })
      execFileSync(process.execPath, ['scripts/command-docs.mjs'], { stdio: 'inherit' })
    },
  },
])
