import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { anchorsOf, type Block, blocksOf, linksOf, pages, pageText, root } from './markdown.js'

/** Turns a code block into a module in the folder of the network tests. Its file name has the page and line. */
function moduleOf({ page, line, source }: Block): [name: string, source: string] {
  return [join(root, 'test/network', `${page.replace('/', '-')}-line-${line}.ts`), `${source}\nexport {}\n`]
}

/** The type errors of in-memory modules. `netvia` resolves to the sources. */
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
    const modules = new Map(pages.flatMap(page => blocksOf(page, 'ts')).map(moduleOf))
    expect(modules.size).toBeGreaterThan(20)
    expect(typeErrors(modules)).toEqual([])
  })

  it('the check rejects one that does not', () => {
    const wrong = new Map([[join(root, 'wrong.ts'), "import { ping } from 'netvia'\nawait ping(5)\n"]])
    expect(typeErrors(wrong)).toEqual([expect.stringContaining('wrong.ts: ')])
  })

  it.each(pages)('%s has no broken links', page => {
    const broken = linksOf(page).filter(({ path, anchor }) => {
      const target = path === '' ? page : normalize(join(dirname(page), path))
      if (!existsSync(join(root, target))) return true
      return anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).includes(anchor)
    })
    expect(broken).toEqual([])
  })

  it('has every page of docs/ in its index', () => {
    const listed = linksOf('docs/README.md').map(({ path }) => `docs/${path}`)
    const own = pages.filter(page => page.startsWith('docs/') && page !== 'docs/README.md')
    expect(own.filter(page => !listed.includes(page))).toEqual([])
  })
})

describe('the pages of error codes', () => {
  const text = pageText('docs/errors.md') + pageText('docs/errors-of-checks.md')
  /** Codes that the library handles itself by waiting or trying something else. */
  const internal = [
    'EAGAIN',
    'EALREADY',
    'EBADF',
    'EEXIST',
    'EINPROGRESS',
    'ENOENT',
    'ENOTCONN',
    'ENOTDIR',
    'ERR_DLOPEN_DISABLED',
    'ERR_SCRIPT_EXECUTION_TIMEOUT',
    'ERR_WORKER_INIT_FAILED',
    'ESRCH',
  ]
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .map(name => readFileSync(join(root, 'src', name), 'utf8'))
    .join('\n')
  // Two DNS record types and a log severity look like codes.
  const quoted = [...sources.matchAll(/'(?!(?:EUI\d\d|ERROR)')(E[A-Z0-9_]{3,})'/g)].map(match => match[1]!)
  const numbers = [...sources.matchAll(/const \{([^}]*)\} = constants\.errno|constants\.errno\.(\w+)/g)]
  const thrown = new Set([...quoted, ...numbers.flatMap(([, many, one]) => many?.match(/\w+/g) ?? one!)])

  it('has every code that the library knows', () => {
    expect(thrown.size).toBeGreaterThan(30)
    const listed = new Set([...text.matchAll(/`(E[A-Z0-9_]{3,})`/g)].map(match => match[1]!))
    expect([...thrown].filter(code => !listed.has(code) && !internal.includes(code))).toEqual([])
  })

  it('has no code of its own that the library does not throw', () => {
    const rows = [...text.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, cell]) =>
      [...cell!.matchAll(/`(\w+)`/g)].map(match => match[1]!),
    )
    expect(rows.length).toBeGreaterThan(30)
    expect(rows.filter(code => !thrown.has(code))).toEqual([])
  })
})
