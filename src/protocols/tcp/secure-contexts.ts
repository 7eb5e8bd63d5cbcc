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

interface Kept {
  readonly recipe: object
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
  const given = options as Record<string, unknown>
  const wanted: Record<string, unknown> = {}
  for (const name of ofContext) if (given[name] !== undefined) wanted[name] = given[name]
  const make = () => nodeTls().createSecureContext(wanted)
  if (!Object.values(wanted).every(isPlainData)) return make()
  const { DEFAULT_CIPHERS, DEFAULT_ECDH_CURVE, DEFAULT_MAX_VERSION, DEFAULT_MIN_VERSION } = nodeTls()
  const recipe = [wanted, DEFAULT_CIPHERS, DEFAULT_ECDH_CURVE, DEFAULT_MAX_VERSION, DEFAULT_MIN_VERSION]
  const now = monotonicNow()
  const index = kept.findIndex(({ recipe: other }) => isDeepStrictEqual(other, recipe))
  const [found] = index < 0 ? [] : kept.splice(index, 1)
  const usable =
    found && now < found.until
      ? found
      : {
          // This copies, because the caller may write other bytes into its buffers.
          recipe: copied(recipe, '') as unknown as object,
          context: make(),
          until: wanted.ca === undefined ? now + defaultTrustLasts : Number.POSITIVE_INFINITY,
        }
  kept.unshift(usable)
  kept.length = Math.min(kept.length, maxContexts)
  return usable.context
}

/** Values that can be compared. Other objects, such as a KeyObject, hide their contents. */
function isPlainData(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || types.isUint8Array(value)) return typeof value !== 'function'
  if (Array.isArray(value)) return value.every(isPlainData)
  const prototype = Object.getPrototypeOf(value)
  return (prototype === null || prototype === Object.prototype) && Object.values(value).every(isPlainData)
}
