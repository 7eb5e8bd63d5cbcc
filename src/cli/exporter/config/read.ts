import { NetviaError } from '../../../errors.js'
import { checkOptions } from '../../../options.js'
import { explained, readYaml } from '../../shared/yaml-file.js'
import { type Module, moduleSchema } from './modules.js'

export interface Configuration {
  modules: ReadonlyMap<string, Module>
  /** Each module as written in the file, without secrets. */
  written: ReadonlyMap<string, unknown>
}

/**
 * Reads the modules of a blackbox.yml.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` with every mistake on a line of its own: file, line, column, module and
 * field.
 */
export function readModules(file: string): Configuration {
  const { value, error } = readYaml(file)
  const { modules: given, ...others } = (withoutNulls(value) ?? {}) as { modules?: Record<string, unknown> }
  const problems = Object.keys(others).map(key => ({
    option: [key],
    message: `unknown field "${key}" (known: modules)`,
  }))
  // A reload that came while the file was being written would leave every probe without its module.
  if (Object.keys(given ?? {}).length === 0)
    problems.push({ option: ['modules'], message: 'modules must have at least one module' })
  const modules = new Map<string, Module>()
  for (const [name, module] of Object.entries(given ?? {})) {
    try {
      modules.set(name, checkOptions(name, module as Module, moduleSchema, ['prober']))
    } catch (thrown) {
      if (!(thrown instanceof NetviaError)) throw thrown
      const { option = [] } = thrown
      problems.push({ option: ['modules', name, ...option.map(String)], message: explained(thrown) })
    }
  }
  if (problems.length > 0) throw error(problems)
  const written = new Map(Object.entries(given ?? {}).map(([name, module]) => [name, withoutSecrets(module)]))
  return { modules, written }
}

/** A field without a value counts as missing. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== null)
      .map(([key, member]) => [key, withoutNulls(member)]),
  )
}

const secrets = new Set(['password', 'credentials', 'bearer_token', 'key', 'body', 'send'])

function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, shownOf(key, member)]))
}

/** A header, a body or a line that is sent may be a password. */
function shownOf(key: string, member: unknown): unknown {
  if (key !== 'headers') return secrets.has(key) ? '<secret>' : withoutSecrets(member)
  return Object.fromEntries(Object.keys(member as object).map(name => [name, '<secret>']))
}
