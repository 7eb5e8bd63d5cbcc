import { errorAt, invalidArgument } from '../../errors.js'
import { boolean, checkOptions, number, type Check as OptionCheck, string } from '../../options.js'
import type { CheckRules, UplinkCheck } from '../options.js'
import type { Band } from '../state/quality.js'

function bandCheck(max: number): OptionCheck {
  return (value, name) => {
    const schema = { enter: number(0, max), leave: number(0, max) }
    const band = checkOptions(name, value as Band, schema, ['enter', 'leave'])
    const { enter, leave } = band
    if (leave >= enter) throw errorAt('leave', invalidArgument(`${name}.leave`, leave, `below enter (${enter})`))
    return band
  }
}

/** Limits: of all checks, or of one. */
export const limitsSchema = { loss: bandCheck(1), latencyMs: bandCheck(2 ** 31 - 1) }

/** The options of any check that concern how it is judged. */
export const rulesSchema = { required: boolean, group: string, ...limitsSchema } satisfies Record<
  keyof CheckRules,
  OptionCheck
>

/** The options of a check that say how it is made. */
export function withoutRules<T extends UplinkCheck>(check: T): Omit<T, keyof CheckRules> {
  return Object.fromEntries(Object.entries(check).filter(([key]) => !Object.hasOwn(rulesSchema, key))) as T
}
