import {
  type Alias,
  type ErrorCode,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  parseDocument,
  visit,
} from 'yaml'
import { NetviaError, type OptionPath } from '../../errors.js'
import { readNamedText } from './named-file.js'
import { escapeControls } from './output/escape.js'

type Yaml = ReturnType<typeof parseDocument<ParsedNode>>

const inOurWords: Partial<Record<ErrorCode, string>> = {
  MULTIPLE_DOCS: 'there is more than one document in this file',
  RESOURCE_EXHAUSTION: 'nested too deeply',
}

/** Nobody reads more mistakes than these. */
export const maxProblems = 20
/** In characters. Thousands of uplinks fit. */
const maxLength = 1 << 22
/** Maximum anchors and aliases. The time to resolve them grows with the square. */
const maxAliases = 10_000

export interface Problem {
  option: OptionPath
  message: string
}

/** What is wrong, and what to do about it. Most messages say both. */
export function explained({ message, hint }: NetviaError): string {
  return hint && !message.endsWith(hint) ? `${message}; ${hint}` : message
}

export interface YamlFile {
  value: unknown
  /** The error with a line for each mistake: file, line, column and message. */
  error(problems: readonly Problem[]): NetviaError
}

/**
 * A YAML file with a configuration.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` if it isn't YAML, or is too large.
 */
export function readYaml(file: string): YamlFile {
  const text = readNamedText(file)
  if (text.length > maxLength) throw wrong([`${file}: longer than ${maxLength} characters`])
  const lines = new LineCounter()
  const document: Yaml = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    merge: true,
    // Options are never binary data, sets or dates. Without this they would become objects that no check expects.
    resolveKnownTags: false,
  })
  const at = (offset: number, message: string) => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}: ${escapeControls(message)}`
  }
  const unreadable = [...document.errors, ...document.warnings].map(({ pos, code, message }) =>
    at(pos[0], inOurWords[code] ?? message),
  )
  if (unreadable.length > 0) throw wrong(unreadable)
  return {
    value: content(document, at),
    error(problems) {
      const found = problems.map(({ option, message }) => ({ message, offset: offsetOf(document, option) }))
      found.sort((a, b) => a.offset - b.offset)
      return wrong(found.map(({ offset, message }) => at(offset, message)))
    },
  }
}

function content(document: Yaml, at: (offset: number, message: string) => string): unknown {
  const anchors = new Set<string>()
  let count = 0
  let unknown: Alias.Parsed | undefined
  let endless: Alias.Parsed | undefined
  visit(document, {
    Value(_key, { anchor }) {
      if (anchor === undefined) return
      anchors.add(anchor)
      count++
    },
    Alias(_key, alias, path) {
      if (!anchors.has(alias.source)) unknown ??= alias as Alias.Parsed
      const isInside = path.some(node => isCollection(node) && node.anchor === alias.source)
      if (isInside && path.includes(alias.resolve(document)!)) endless ??= alias as Alias.Parsed
      count++
    },
  })
  if (count > maxAliases) throw wrong([at(0, `more than ${maxAliases} anchors and aliases`)])
  if (endless) throw wrong([at(endless.range[0], `*${endless.source} is inside of what it stands for`)])
  try {
    return document.toJS({ maxAliasCount: maxAliases })
  } catch (error) {
    // An alias without an anchor, or aliases of aliases without end.
    throw wrong([at(unknown?.range[0] ?? 0, (error as Error).message)])
  }
}

function wrong(problems: string[]): NetviaError {
  const shown = problems.slice(0, maxProblems).join('\n')
  return new NetviaError(shown, { code: 'ERR_INVALID_ARG_VALUE' })
}

/** The position of the key, or of the nearest thing around a missing key. */
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
