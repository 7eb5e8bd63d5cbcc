// All that must hold before a release: `npm run release:check`, as root, after .ci/run has installed what it needs. Some twenty minutes.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const node = major => join(root, `scripts/runtimes/node_modules/node${major}/bin/node`)
const steps = [
  ['npm', ['run', 'prebuild', '--', '--check']],
  ['npm', ['run', 'check']],
  ['npm', ['run', 'lint']],
  ['npm', ['run', 'compile']],
  ['npm', ['run', 'test:package']],
  ['npm', ['run', 'test:runtimes']],
  [process.execPath, ['scripts/test.mjs', 'unit']],
  [process.execPath, ['scripts/test.mjs', 'faults']],
  [process.execPath, ['scripts/test.mjs', 'services']],
  ...[20, 22, 24, 26].map(major => [node(major), ['scripts/test.mjs', 'network']]),
]
const failed = []
for (const [command, args] of steps) {
  const name = [command.replace(root, ''), ...args].join(' ')
  console.log(`\n=== ${name}`)
  const env = { ...process.env, NETVIA_NO_SKIPS: '1' }
  if (spawnSync(command, args, { cwd: root, stdio: 'inherit', env }).status !== 0) failed.push(name)
}
const materials = spawnSync('npm', ['sbom', '--omit=dev', '--sbom-format=cyclonedx'], { cwd: root })
if (materials.status !== 0) failed.push('npm sbom')
mkdirSync(join(root, '.cache'), { recursive: true })
writeFileSync(join(root, '.cache/netvia.cdx.json'), materials.stdout)

for (const name of failed) console.log(`FAIL  ${name}`)
console.log(
  failed.length ? 'not to be released' : 'fit to be released; the list of materials is .cache/netvia.cdx.json',
)
process.exit(failed.length ? 1 : 0)
