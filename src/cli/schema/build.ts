/** A JSON Schema, draft 2020-12. */
export type JsonSchema = Record<string, unknown>

export const ref = (name: string): JsonSchema => ({ $ref: `#/$defs/${name}` })
export const list = (items: JsonSchema): JsonSchema => ({ type: 'array', items })
export const oneOf = (...values: unknown[]): JsonSchema => ({ enum: values })

const of = (type: string, limits: JsonSchema = {}) => {
  return (description?: string): JsonSchema => ({ type, ...limits, ...(description && { description }) })
}

export const text = of('string')
export const bool = of('boolean')
export const integer = of('integer')
export const count = of('integer', { minimum: 0 })
export const milliseconds = of('number', { minimum: 0 })

/** Fields whose name ends in `?` may be missing. `mixins` are objects whose fields it has as well. */
export function object(description: string, fields: Record<string, JsonSchema>, mixins: string[] = []): JsonSchema {
  const named = Object.entries(fields).map(([name, schema]) => [name.replace('?', ''), schema] as const)
  return {
    description,
    type: 'object',
    ...(mixins.length && { allOf: mixins.map(ref) }),
    properties: Object.fromEntries(named),
    required: Object.keys(fields).filter(name => !name.endsWith('?')),
  }
}
