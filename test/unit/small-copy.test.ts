import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { root } from './markdown.js'

/** Uses only the files that docs/routers.md copies to a device. */
describe('a copy for a router', () => {
  let folder: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'netvia-small-'))
    const own = `prebuilds/linux-${process.arch}`
    for (const part of ['package.json', 'dist', own]) {
      const filter = (path: string) => !/\.d\.c?ts$/.test(path)
      cpSync(join(root, part), join(folder, 'node_modules/netvia', part), { recursive: true, filter })
    }
    cpSync(join(root, 'node_modules/node-gyp-build'), join(folder, 'node_modules/node-gyp-build'), { recursive: true })
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  const node = (...args: string[]) =>
    execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env: { PATH: '' } })
  const check = "const { device } = NETVIA; device('lo').then(({ name, running }) => console.log(name, running))"

  test('loads as CommonJS and as a module, addon included', () => {
    expect(readdirSync(join(folder, 'node_modules'))).toEqual(['netvia', 'node-gyp-build'])
    expect(node('-e', check.replace('NETVIA', "require('netvia')"))).toBe('lo true\n')
    const module = ['--input-type=module', '-e', check.replace('NETVIA', "await import('netvia')")]
    expect(node(...module)).toBe('lo true\n')
  })

  test('has the command', () => {
    const { name } = JSON.parse(node('node_modules/netvia/dist/cli.cjs', 'devices', '-I', 'lo', '--json'))
    expect(name).toBe('lo')
  })
})
