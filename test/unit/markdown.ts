import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../', import.meta.url))

/** Every page of the documentation, as a path from the root. */
export const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map(name => `docs/${name}`),
].filter(name => name.endsWith('.md'))

export const pageText = (page: string): string => readFileSync(join(root, page), 'utf8')

export interface Block {
  page: string
  line: number
  source: string
}

/** The code blocks of a page in one language. */
export function blocksOf(page: string, language: string): Block[] {
  const content = pageText(page)
  return [...content.matchAll(new RegExp(`^( *)\`\`\`${language}\\n(.*?)^\\1\`\`\``, 'gms'))].map(match => ({
    page,
    line: content.slice(0, match.index).split('\n').length,
    source: match[2]!.replaceAll(new RegExp(`^${match[1]}`, 'gm'), ''),
  }))
}

/** The anchors in a page, as GitHub generates them from headings. */
export function anchorsOf(page: string): string[] {
  const prose = pageText(page).replaceAll(/^ *```.*?^ *```/gms, '')
  return [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** The targets of a page's links. */
export function linksOf(page: string): { path: string; anchor: string | undefined }[] {
  return [...pageText(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(match => match[1]!)
    .filter(target => !/^[a-z]+:/.test(target))
    .map(target => ({ path: target.split('#')[0]!, anchor: target.split('#')[1] }))
}
