import { createRequire } from 'node:module'

const load = createRequire(import.meta.url)

type SqliteValue = number | string | null | Uint8Array
type SqliteRow = Record<string, SqliteValue>

/** What is used of node:sqlite, which Node 20 and its types do not have. */
export interface SqliteDatabase {
  exec(sql: string): void
  close(): void
  prepare(sql: string): {
    run(...values: SqliteValue[]): { changes: number | bigint; lastInsertRowid: number | bigint }
    get(...values: SqliteValue[]): SqliteRow | undefined
    all(...values: SqliteValue[]): SqliteRow[]
    iterate(...values: SqliteValue[]): Iterable<SqliteRow>
  }
}

/**
 * Modules of Node that take a millisecond or more to load, each loaded when it is first used: importing netvia must cost little,
 * and a ping needs neither HTTP nor TLS.
 */
export const nodeAsyncHooks = late<typeof import('node:async_hooks')>('node:async_hooks')
export const nodeChildProcess = late<typeof import('node:child_process')>('node:child_process')
export const nodeCluster = late<typeof import('node:cluster').default>('node:cluster')
export const nodeCrypto = late<typeof import('node:crypto')>('node:crypto')
export const nodeDgram = late<typeof import('node:dgram')>('node:dgram')
export const nodeDiagnosticsChannel = late<typeof import('node:diagnostics_channel')>('node:diagnostics_channel')
export const nodeDns = late<typeof import('node:dns')>('node:dns')
export const nodeHttp = late<typeof import('node:http')>('node:http')
export const nodeHttps = late<typeof import('node:https')>('node:https')
export const nodeNet = late<typeof import('node:net')>('node:net')
export const nodeSqlite = () => withoutWarnings(loadSqlite)
export const nodeStream = late<typeof import('node:stream')>('node:stream')
export const nodeTimersPromises = late<typeof import('node:timers/promises')>('node:timers/promises')
export const nodeTls = late<typeof import('node:tls')>('node:tls')
export const nodeVm = late<typeof import('node:vm')>('node:vm')
export const nodeWorkerThreads = late<typeof import('node:worker_threads')>('node:worker_threads')
export const nodeZlib = late<typeof import('node:zlib')>('node:zlib')

const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/

/** As `isIP` of node:net: 4 or 6, 0 for what is no address. */
export function isIP(text: string): 0 | 4 | 6 {
  if (ipv4.test(text)) return 4
  return isIPv6(text) ? 6 : 0
}

export const isIPv4 = (text: string): boolean => isIP(text) === 4

const zone = /^[\da-z.:-]+$/i
const group = /^[\da-f]{1,4}$/i

/** As node:net's, whose regular expression takes V8 3 ms to compile. */
export function isIPv6(text: string): boolean {
  const percent = text.indexOf('%')
  if (percent >= 0 && !zone.test(text.slice(percent + 1))) return false
  const end = percent < 0 ? text.length : percent
  let gap = text.startsWith('::')
  let bits = 0
  for (let at = gap ? 2 : 0; at < end; ) {
    const colon = text.indexOf(':', at)
    const next = colon < 0 || colon > end ? end : colon
    const part = text.slice(at, next)
    if (group.test(part)) bits += 16
    else if (next === end && ipv4.test(part)) bits += 32
    else return false
    if (next === end) break
    at = next + 1
    if (text[at] === ':') {
      if (gap) return false
      gap = true
      at++
    } else if (at === end) return false
  }
  return gap ? bits < 128 : bits === 128
}

const loadSqlite = late<{ DatabaseSync: new (path: string, options: { readOnly: boolean }) => SqliteDatabase }>(
  'node:sqlite',
)

/** Node 22 warns on standard error that its SQLite is experimental. What of it is used here has not changed since. */
function withoutWarnings<T>(work: () => T): T {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return work()
  } finally {
    process.emitWarning = emitWarning
  }
}

function late<Module>(name: string): () => Module {
  let loaded: Module | undefined
  return () => {
    loaded ??= load(name) as Module
    return loaded
  }
}

type Constructor = abstract new (...args: never[]) => object

/** A parent for classes whose own parent needs such a module: made at the first `new`. */
export function lateParent<Parent extends Constructor>(make: () => Parent): Parent {
  let parent: Parent | undefined
  function Late(this: unknown, ...args: never[]): object {
    if (!parent) {
      parent = make()
      Object.setPrototypeOf(Late, parent)
      Object.setPrototypeOf(Late.prototype, parent.prototype)
    }
    return Reflect.construct(parent, args, new.target as unknown as Constructor)
  }
  return Late as unknown as Parent
}
