import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const root = new URL('../../', import.meta.url)
const sources = readdirSync(new URL('src', root), { recursive: true, encoding: 'utf8' }).filter(name =>
  /\.(ts|html)$/.test(name),
)

const filesWith = (pattern: RegExp) =>
  sources.filter(name => pattern.test(readFileSync(new URL(`src/${name}`, root), 'utf8'))).sort()

test("the library starts no process, except for the monitor's configured hook", () => {
  expect(filesWith(/nodeChildProcess\(/)).toEqual(['monitor/hook/command-run.ts'])
  const loading = /(?<!import type .*)['"](node:)?(child_process|worker_threads)['"]/
  // The second file contains the program of its thread.
  expect(filesWith(loading)).toEqual(['builtins.ts', 'checks/match.ts'])
  expect(filesWith(/nodeWorkerThreads\(/)).toEqual(['checks/match.ts'])
})

test('nothing turns text into code, except for pattern matching, whose code is constant', () => {
  expect(filesWith(/\beval\(|new Function\(|\bFunction\(['"`]|set(Timeout|Interval)\(['"`]/)).toEqual([])
  expect(filesWith(/(?<!import type .*)['"](node:)?vm['"]/)).toEqual(['builtins.ts'])
  expect(filesWith(/nodeVm\(|eval: true/)).toEqual(['checks/match.ts'])
})

test('nothing turns text into markup', () => {
  expect(filesWith(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|srcdoc/)).toEqual(
    [],
  )
})

test('installing the package runs nothing', () => {
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) expect(scripts).not.toHaveProperty(name)
})
