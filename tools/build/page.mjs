// Bundles src/cli/page, the page of `netvia monitor --listen`, into one file: dist/cli/page.html.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { build } from 'tsdown'
import { root } from '../root.mjs'

const source = join(root, 'src/cli/page')
const outDir = join(root, '.cache/page')

await build({
  config: false,
  entry: { page: join(source, 'main.ts') },
  tsconfig: join(source, 'tsconfig.json'),
  format: 'iife',
  platform: 'browser',
  target: 'es2022',
  minify: true,
  dts: false,
  deps: { onlyBundle: false },
  outDir,
  logLevel: 'warn',
})

const script = readFileSync(join(outDir, 'page.iife.js'), 'utf8')
const library = readFileSync(createRequire(import.meta.url).resolve('uplot/dist/uPlot.min.css'), 'utf8')
const style = readFileSync(join(source, 'page.css'), 'utf8')
const page = readFileSync(join(source, 'page.html'), 'utf8')
// Replacement functions keep a $ in the inserted text literal.
const whole = page
  .replace('<!-- style -->', () => `<style>${library}${style.replaceAll(/\s*\n\s*/g, '\n')}</style>`)
  .replace('<!-- script -->', () => `<script>${script.trim().replaceAll('</script', '<\\/script')}</script>`)
writeFileSync(join(root, 'dist/cli/page.html'), whole)
