import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const src = fileURLToPath(new URL('../../src', import.meta.url))
const layers = ['binding', 'sockets', 'protocols', 'checks', 'monitor', 'cli']
const leaves = ['builtins', 'errors', 'monotonic', 'options', 'random', 'stats']
/** Public entries: they gather the layers, and no layer imports them. */
const entries = ['index', 'via', 'undici']

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'))

function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), 'utf8')
  const found = text.matchAll(/(?:\bfrom\s+|\bimport\s*\(?\s*)'(\.[^']+)'/g)
  return [...found].map(([, target]) => relative(src, join(src, dirname(file), target!)).replace(/\.js$/, ''))
}

/** Leaves lie left of every layer, entries right of all. */
function rank(file: string): number {
  const [top] = file.replace(/\.ts$/, '').split('/')
  if (leaves.includes(top!)) return -1
  if (entries.includes(top!)) return layers.length
  return layers.indexOf(top!)
}

describe('layers', () => {
  it('hold every source file', () => {
    expect(files.filter(file => rank(file) === -1 && !leaves.includes(file.replace(/\.ts$/, '')))).toEqual([])
  })

  it('import only to their left', () => {
    const wrong = files.flatMap(file =>
      importsOf(file)
        .filter(target => rank(target) > rank(file))
        .map(target => `${file} imports ${target}`),
    )
    expect(wrong).toEqual([])
  })

  it('are seen at all: the check finds the edges it judges', () => {
    expect(files.flatMap(importsOf).length).toBeGreaterThan(10)
    expect(importsOf('sockets/open.ts')).toContain('binding/addon')
  })

  it('keep files small', () => {
    const long = files.filter(file => readFileSync(join(src, file), 'utf8').split('\n').length > 300)
    expect(long).toEqual([])
  })
})
