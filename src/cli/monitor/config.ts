import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import {
  type Alias,
  type ErrorCode,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  parseDocument,
  visit,
} from 'yaml'
import { NetviaError, type OptionPath } from '../../errors.js'
import type { MonitorOptions } from '../../monitor/options.js'
import { settingsOf } from '../../monitor/settings.js'
import { withTimes } from './config-times.js'

type Yaml = ReturnType<typeof parseDocument<ParsedNode>>
type Members = Record<string | number, unknown>

const inOurWords: Partial<Record<ErrorCode, string>> = {
  MULTIPLE_DOCS: 'there is more than one document in this file',
  RESOURCE_EXHAUSTION: 'nested too deeply',
}

/** More than these are seldom read. */
const maxProblems = 20
/** In characters: thousands of uplinks have room in it. */
const maxLength = 1 << 22
/** And so many anchors and aliases; the time to resolve them grows with the square. */
const maxAliases = 10_000

/**
 * The options of the monitor in a YAML file: those of `UplinkMonitor`, by the same names. Times may have a unit.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` with all that is wrong, a line each: file, line, column and key.
 */
export function readConfig(file: string): MonitorOptions {
  const text = readFileSync(file, 'utf8')
  if (text.length > maxLength) throw wrong([`${file}: longer than ${maxLength} characters`])
  const lines = new LineCounter()
  const document: Yaml = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true })
  const at = (offset: number, message: string) => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}: ${message}`
  }
  const unreadable = [...document.errors, ...document.warnings].map(({ pos, code, message }) =>
    at(pos[0], inOurWords[code] ?? message),
  )
  if (unreadable.length > 0) throw wrong(unreadable)
  const options = withTimes(content(document, at))
  const problems = problemsOf(options).map(({ option, message }) => ({ message, offset: offsetOf(document, option) }))
  problems.sort((a, b) => a.offset - b.offset)
  if (problems.length > 0) throw wrong(problems.map(({ offset, message }) => at(offset, message)))
  return options as MonitorOptions
}

function content(document: Yaml, at: (offset: number, message: string) => string): unknown {
  const anchors = new Set<string>()
  let count = 0
  let unknown: Alias.Parsed | undefined
  visit(document, {
    Value(_key, { anchor }) {
      if (anchor === undefined) return
      anchors.add(anchor)
      count++
    },
    Alias(_key, alias) {
      if (!anchors.has(alias.source)) unknown ??= alias as Alias.Parsed
      count++
    },
  })
  if (count > maxAliases) throw wrong([at(0, `more than ${maxAliases} anchors and aliases`)])
  try {
    return document.toJS({ maxAliasCount: maxAliases })
  } catch (error) {
    // An alias of nothing, or aliases of aliases without end.
    throw wrong([at(unknown?.range[0] ?? 0, (error as Error).message)])
  }
}

function wrong(problems: string[]): NetviaError {
  const shown = problems.slice(0, maxProblems).join('\n')
  return new NetviaError(shown, { code: 'ERR_INVALID_ARG_VALUE' })
}

/** All that is wrong: what was found is left out, or replaced by something right where it is needed, and the rest is judged again. */
function problemsOf(options: unknown): { option: OptionPath; message: string }[] {
  const rest = structuredClone(options)
  const problems: { option: OptionPath; message: string }[] = []
  while (problems.length < maxProblems) {
    try {
      settingsOf(rest as MonitorOptions)
      break
    } catch (error) {
      if (!(error instanceof NetviaError)) throw error
      const { option = [], message, hint } = error
      const text = message.replace(/^UplinkMonitor: /, '')
      // Left out already, and needed.
      const known = problems.some(({ option: other }) => isDeepStrictEqual(other, option))
      if (!known) problems.push({ option, message: hint ? `${text}; ${hint}` : text })
      if (!known && leaveOut(rest, option)) continue
      if (!replace(rest, option) && !leaveOut(rest, option.slice(0, -1))) break
    }
  }
  return problems
}

/** False where that can't help: it is missing already, or its place in a list would be another's. */
function leaveOut(options: unknown, path: OptionPath): boolean {
  const parent = path.slice(0, -1).reduce((value, key) => (value as Members)[key], options)
  const key = path.at(-1)
  return typeof key === 'string' && Object.hasOwn(parent as Members, key) && delete (parent as Members)[key]
}

/** Puts something right in the place of a wrong check, uplink or name of one. False: it lies in none. */
function replace(options: unknown, [top, index, key, check]: OptionPath): boolean {
  if (top !== 'uplinks' || typeof index !== 'number') return false
  const { uplinks } = options as { uplinks: unknown[] }
  const name = `(${index})`
  const right = { type: 'ping', host: 'localhost' }
  const uplink = uplinks[index] as { name: unknown; checks: unknown[] }
  if (key === 'name') uplink.name = name
  else if (key === 'checks' && typeof check === 'number') uplink.checks[check] = right
  else uplinks[index] = { name, checks: [right] }
  return true
}

/** Where the key stands, or, where it is missing, the nearest thing around it. */
function offsetOf(document: Yaml, path: OptionPath): number {
  let node: unknown = document.contents
  let offset = document.contents?.range[0] ?? 0
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document)
    if (isSeq<ParsedNode>(node) && typeof key === 'number') {
      node = node.items[key]
      offset = (node as ParsedNode).range[0]
    } else if (isMap<ParsedNode, ParsedNode>(node)) {
      const pair = node.items.find(pair => isScalar(pair.key) && pair.key.value === key)
      if (!pair) break
      offset = pair.key.range[0]
      node = pair.value
    } else break
  }
  return offset
}
