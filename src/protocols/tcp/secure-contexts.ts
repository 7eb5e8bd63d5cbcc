import type { SecureContext } from 'node:tls'
import { isDeepStrictEqual, types } from 'node:util'
import { nodeTls } from '../../builtins.js'
import { monotonicNow } from '../../monotonic.js'
import { copied } from '../../options.js'
import { type TlsOptions, tlsSchema } from './tls-options.js'

/** Options that belong to one connection. All others make the context. */
const ofConnection = new Set<string>([
  'ALPNProtocols',
  'checkServerIdentity',
  'enableTrace',
  'minDHSize',
  'pskCallback',
  'rejectUnauthorized',
  'requestOCSP',
  'secureContext',
  'servername',
  'session',
])
const ofContext = Object.keys(tlsSchema).filter(name => !ofConnection.has(name))

const maxContexts = 32
/** Milliseconds. The CAs that Node trusts by default can change while a program runs (tls.setDefaultCACertificates). */
const defaultTrustLasts = 10_000

/** Everything that makes a context: Node's defaults and the values of `ofContext`, in that order. */
type Recipe = readonly unknown[]

interface Kept {
  readonly recipe: Recipe
  readonly context: SecureContext
  readonly until: number
}

/** The most recently used one comes first. */
const kept: Kept[] = []

/**
 * Returns a context for these TLS options, shared by connections with equal ones, because creating one takes longer than
 * the rest of a handshake. A context holds no state of a connection. Throws the errors of `tls.createSecureContext`.
 */
export function secureContextFor(options: TlsOptions): SecureContext {
  const recipe = recipeOf(options)
  const now = monotonicNow()
  const index = kept.findIndex(({ recipe: other }) => isSame(other, recipe))
  const found = kept[index]
  if (index > 0) kept.unshift(...kept.splice(index, 1))
  if (found && now < found.until) return found.context
  const context = contextOf(options)
  if (!recipe.every(isPlainData)) return context
  if (found) kept.shift()
  // This copies, because the caller may write other bytes into its buffers.
  const own = copied(recipe, '') as Recipe
  kept.unshift({
    recipe: own,
    context,
    until: options.ca === undefined ? now + defaultTrustLasts : Number.POSITIVE_INFINITY,
  })
  kept.length = Math.min(kept.length, maxContexts)
  return context
}

function recipeOf(options: TlsOptions): Recipe {
  const { DEFAULT_CIPHERS, DEFAULT_ECDH_CURVE, DEFAULT_MAX_VERSION, DEFAULT_MIN_VERSION } = nodeTls()
  const recipe: unknown[] = [DEFAULT_CIPHERS, DEFAULT_ECDH_CURVE, DEFAULT_MAX_VERSION, DEFAULT_MIN_VERSION]
  for (const name of ofContext) recipe.push((options as Record<string, unknown>)[name])
  return recipe
}

/** Most values are absent or texts, for which Node's own comparison takes as long as a system call. */
function isSame(one: Recipe, other: Recipe): boolean {
  return one.every(
    (value, index) => value === other[index] || (typeof value === 'object' && isDeepStrictEqual(value, other[index])),
  )
}

function contextOf(options: TlsOptions): SecureContext {
  const wanted: Record<string, unknown> = {}
  for (const name of ofContext) {
    const value = (options as Record<string, unknown>)[name]
    if (value !== undefined) wanted[name] = value
  }
  return nodeTls().createSecureContext(wanted)
}

/** Values that can be compared. Other objects, such as a KeyObject, hide their contents. */
function isPlainData(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || types.isUint8Array(value)) return typeof value !== 'function'
  if (Array.isArray(value)) return value.every(isPlainData)
  const prototype = Object.getPrototypeOf(value)
  return (prototype === null || prototype === Object.prototype) && Object.values(value).every(isPlainData)
}
