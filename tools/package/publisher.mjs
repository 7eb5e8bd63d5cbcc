// `node tools/package/publisher.mjs --write` copies the publisher and the repository from publisher.json to package.json.
// `npm run release:check` compares them.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from '../root.mjs'

/** The fields for package.json. Throws an error that names what publisher.json lacks. */
export function publishFields({ repository, author }) {
  if (!/^https:\/\/[^/\s]+\/[^/\s]+\/[^/\s]+$/.test(repository ?? '') || repository.endsWith('.git'))
    throw new Error('publisher.json: repository must be a URL such as https://github.com/owner/netvia')
  if (!/\S/.test(author ?? '')) throw new Error('publisher.json: author must be a name, and may have an <address>')
  return {
    author,
    homepage: `${repository}#readme`,
    repository: { type: 'git', url: `git+${repository}.git` },
    bugs: { url: `${repository}/issues` },
  }
}

/** The fields that package.json lacks or that differ. */
export function missingFields(manifest, publisher) {
  const wanted = publishFields(publisher)
  return Object.keys(wanted).filter(key => JSON.stringify(manifest[key]) !== JSON.stringify(wanted[key]))
}

const read = name => JSON.parse(readFileSync(join(root, name), 'utf8'))

/** Whether package.json agrees with publisher.json. Prints the reason if not. */
export function checkPublisher() {
  try {
    const missing = missingFields(read('package.json'), read('publisher.json'))
    if (missing.length === 0) return true
    console.error(`package.json: outdated ${missing.join(', ')}: run node tools/package/publisher.mjs --write`)
  } catch (error) {
    console.error(error.message)
  }
  return false
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  if (process.argv.includes('--write')) {
    const manifest = { ...read('package.json'), ...publishFields(read('publisher.json')) }
    writeFileSync(join(root, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  }
  process.exitCode = checkPublisher() ? 0 : 1
}
