// `npm run release:check [-- part of a step's name …]` runs every check that a release must pass, as root on Debian: the checks of CI,
// the services, and the bill of materials. It takes about twenty minutes.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { carried, packagesOf } from '../build/packages.mjs'
import { root } from '../root.mjs'
import { checkPublisher } from './publisher.mjs'

const steps = {
  'who publishes it': checkPublisher,
  'what CI checks': () => run('bash', ['.ci/run']),
  'services on a real systemd, and in containers': () =>
    run('apt-get', ['install', '-y', '--no-install-recommends', 'podman', 'crun']) &&
    run(process.execPath, ['tools/test/run.mjs', 'services']),
  'list of materials': listMaterials,
}
const chosen = process.argv.slice(2)
const failed = []
for (const [name, step] of Object.entries(steps)) {
  if (chosen.length && !chosen.some(part => name.includes(part))) continue
  console.log(`\n=== ${name}`)
  const started = performance.now()
  if (!step()) failed.push(name)
  console.log(
    `=== ${name}: ${failed.includes(name) ? 'FAILED' : 'ok'}, ${Math.round((performance.now() - started) / 1000)} s`,
  )
}
if (failed.length) console.log(`\nnot ready for release, failed: ${failed.join(', ')}`)
else if (chosen.length) console.log('\nthe chosen steps passed')
else console.log('\nready for release')
process.exit(failed.length ? 1 : 0)

function run(command, args) {
  const env = { ...process.env, NETVIA_NO_SKIPS: '1' }
  return spawnSync(command, args, { cwd: root, stdio: 'inherit', env }).status === 0
}

/** Writes a CycloneDX bill of materials: the packages installed with netvia, and those bundled in its files. */
function listMaterials() {
  const all = execFileSync('npm', ['sbom', '--sbom-format=cyclonedx'], { cwd: root, maxBuffer: 1e8 })
  const { components, dependencies, ...head } = JSON.parse(all)
  const { name, dependencies: installed } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  // npm reports the folder's name.
  head.metadata.component.name = name
  const shipped = new Set(
    packagesOf([...Object.keys(installed), ...carried]).map(({ name, version }) => `${name}@${version}`),
  )
  const kept = components.filter(({ name, version }) => shipped.has(`${name}@${version}`))
  const references = new Set([head.metadata.component['bom-ref'], ...kept.map(component => component['bom-ref'])])
  const between = dependencies
    .filter(({ ref }) => references.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter(other => references.has(other)) }))
  const file = join(root, '.cache/netvia.cdx.json')
  mkdirSync(join(root, '.cache'), { recursive: true })
  writeFileSync(file, `${JSON.stringify({ ...head, components: kept, dependencies: between }, null, 2)}\n`)
  console.log(`${file}: ${kept.length} packages`)
  return kept.length === shipped.size
}
