import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The package in the repository that `writeRepository` creates. */
const sample = 'netvia-test'

/** Creates a repository with one package, which a web server can serve. */
export function writeRepository(folder: string): void {
  mkdirSync(folder)
  const entry = [
    `Package: ${sample}`,
    'Version: 1',
    'Architecture: all',
    'Filename: x.deb',
    `SHA256: ${'0'.repeat(64)}`,
  ]
  writeFileSync(join(folder, 'Packages'), `${[...entry, 'Size: 1', 'Description: none'].join('\n')}\n`)
}

/** `apt-get update` for only that repository, with its own directories. If root runs it, its methods run as `user`. */
export function aptUpdate(folder: string, url: string, user: string): string[] {
  for (const part of ['etc', 'state/lists/partial', 'cache/archives/partial'])
    mkdirSync(join(folder, part), { recursive: true })
  writeFileSync(join(folder, 'etc', 'sources.list'), `deb [trusted=yes] ${url} ./\n`)
  writeFileSync(join(folder, 'status'), '')
  const options = {
    'Dir::Etc': join(folder, 'etc'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::parts': '/dev/null',
    'Dir::State': join(folder, 'state'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': join(folder, 'cache'),
    'APT::Sandbox::User': user,
    'Acquire::Languages': 'none',
    'Acquire::Retries': '0',
    'Acquire::GzipIndexes': 'false',
  }
  return ['apt-get', ...Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]), 'update']
}

/** Whether `apt-get update` has fetched the package list. */
export function wasUpdated(folder: string): boolean {
  const lists = join(folder, 'state', 'lists')
  const found = readdirSync(lists).find(file => file.endsWith('_Packages'))
  return found !== undefined && readFileSync(join(lists, found), 'utf8').includes(`Package: ${sample}`)
}
