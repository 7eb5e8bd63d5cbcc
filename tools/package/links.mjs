// The tarball has no docs, so the links in its README.md and CHANGELOG.md must point to the repository, at the tag of the same version.
// `--absolute` (prepack) rewrites both files in place, because npm packs no others. `--restore` (postpack) restores them.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from '../root.mjs'

const pages = ['README.md', 'CHANGELOG.md']

/** Turns links to files into links to their pages in the repository, and links to pictures into links to the raw files. */
export function absoluteLinks(page, repository, version) {
  return page.replaceAll(/(!?)(\[[^\]]*\])\((?!#|[a-z]+:)([^)\s]+)\)/g, (_, image, text, path) => {
    return `${image}${text}(${repository}/${image ? 'raw' : 'blob'}/v${version}/${path})`
  })
}

const savedIn = folder => join(folder, '.cache/links')

/** Does nothing until publisher.json names the repository. */
export function makeAbsolute(folder) {
  const { repository } = JSON.parse(readFileSync(join(folder, 'publisher.json'), 'utf8'))
  if (!repository) return
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  mkdirSync(savedIn(folder), { recursive: true })
  for (const name of pages) {
    const page = readFileSync(join(folder, name), 'utf8')
    // A file that an interrupted pack has saved is the original. Don't overwrite it.
    if (!existsSync(join(savedIn(folder), name))) writeFileSync(join(savedIn(folder), name), page)
    writeFileSync(join(folder, name), absoluteLinks(page, repository, version))
  }
}

export function restore(folder) {
  for (const name of pages) {
    if (existsSync(join(savedIn(folder), name))) renameSync(join(savedIn(folder), name), join(folder, name))
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  if (process.argv.includes('--absolute')) makeAbsolute(root)
  if (process.argv.includes('--restore')) restore(root)
}
