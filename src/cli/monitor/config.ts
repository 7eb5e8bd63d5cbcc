import { isDeepStrictEqual } from 'node:util'
import { NetviaError, type OptionPath } from '../../errors.js'
import type { MonitorOptions } from '../../monitor/options.js'
import { settingsOf } from '../../monitor/settings.js'
import { maxProblems, type Problem, readYaml } from '../shared/yaml-file.js'
import { withTimes } from './config-times.js'

type Members = Record<string | number, unknown>

/**
 * The options of the monitor in a YAML file: those of `UplinkMonitor`, by the same names. Times may have a unit.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` with all that is wrong, a line each: file, line, column and key.
 */
export function readConfig(file: string): MonitorOptions {
  const { value, error } = readYaml(file)
  const options = withTimes(value)
  const problems = problemsOf(options)
  if (problems.length > 0) throw error(problems)
  return options as MonitorOptions
}

/** All that is wrong: what was found is left out, or replaced by something right where it is needed, and the rest is judged again. */
function problemsOf(options: unknown): Problem[] {
  const rest = structuredClone(options)
  const problems: Problem[] = []
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
