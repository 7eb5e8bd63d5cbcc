import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const pages = ['README.md', 'CONTRIBUTING.md', ...readdirSync(join(root, 'docs')).map(name => `docs/${name}`)].filter(
  name => name.endsWith('.md'),
)
const text = (page: string) => readFileSync(join(root, page), 'utf8')

/** The TypeScript blocks of a page, as modules by a file name that tells where each stands; where tests of the laboratory lie. */
function blocksOf(page: string): [name: string, source: string][] {
  const content = text(page)
  return [...content.matchAll(/^```ts\n(.*?)^```/gms)].map(match => {
    const line = content.slice(0, match.index).split('\n').length
    return [join(root, 'test/network', `${page.replace('/', '-')}-line-${line}.ts`), `${match[1]}\nexport {}\n`]
  })
}

/** Type errors of modules that exist only here; `netvia` is the sources. */
function typeErrors(modules: Map<string, string>): string[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root)
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile, getSourceFile } = host
  host.fileExists = name => modules.has(name) || fileExists(name)
  host.readFile = name => modules.get(name) ?? readFile(name)
  host.getSourceFile = (name, version, ...rest) =>
    modules.has(name) ? ts.createSourceFile(name, modules.get(name)!, version) : getSourceFile(name, version, ...rest)
  const program = ts.createProgram([...modules.keys()], options, host)
  return [...modules.keys()]
    .flatMap(name => ts.getPreEmitDiagnostics(program, program.getSourceFile(name)))
    .map(
      ({ file, messageText }) =>
        `${file && relative(root, file.fileName)}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    )
}

describe('documentation', () => {
  it('has code blocks that compile', () => {
    const modules = new Map(pages.flatMap(blocksOf))
    expect(modules.size).toBeGreaterThan(5)
    expect(typeErrors(modules)).toEqual([])
  })

  it('would notice one that does not', () => {
    const wrong = new Map([[join(root, 'wrong.ts'), "import { ping } from 'netvia'\nawait ping(5)\n"]])
    expect(typeErrors(wrong)).toEqual([expect.stringContaining('wrong.ts: ')])
  })

  it.each(pages)('%s links only to files that exist', page => {
    const targets = [...text(page).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(match => match[1]!)
    expect(targets.filter(target => !existsSync(join(root, dirname(page), target)))).toEqual([])
  })
})
