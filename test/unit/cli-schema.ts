import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { netvia } from './cli-process.js'

type Node = Record<string, unknown> & { $defs?: Record<string, Node>; allOf?: { $ref: string }[] }

let compiled: Promise<ValidateFunction> | undefined

/** The printed schema, closed so that unknown fields are errors. */
async function closedSchema(): Promise<ValidateFunction> {
  const schema: Node = JSON.parse((await netvia(['schema'])).stdout)
  const definitions = Object.entries(schema.$defs!)
  // Definitions that others extend must stay open.
  const mixins = new Set(definitions.flatMap(([, { allOf = [] }]) => allOf.map(({ $ref }) => $ref.split('/').at(-1))))
  for (const [name, definition] of definitions) if (!mixins.has(name)) definition.unevaluatedProperties = false
  return new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true }).compile(schema)
}

/** The errors in these lines. Empty if all match the schema. */
export async function schemaErrors(lines: Record<string, unknown>[]): Promise<string[]> {
  compiled ??= closedSchema()
  const validate = await compiled
  return lines.filter(line => !validate(line)).map(line => JSON.stringify(line))
}

/** Every kind of line, with its name, command and event. */
export async function kindsOfLines(): Promise<{ name: string; command?: string; event: string }[]> {
  const { anyOf, $defs } = JSON.parse((await netvia(['schema'])).stdout)
  return anyOf.map(({ $ref }: { $ref: string }) => {
    const name = $ref.split('/').at(-1)!
    const { command, event } = $defs[name].properties
    return { name, command: command?.const, event: event.const }
  })
}
