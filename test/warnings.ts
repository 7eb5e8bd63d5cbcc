import { afterEach, expect } from 'vitest'

/** Node warns of mistakes that it corrects silently, as a negative delay of a timer (from Node 24 on) or a listener too many. */
const warnings: Error[] = []
process.on('warning', warning => {
  if (warning.name !== 'ExperimentalWarning' && !isOfPackage(warning)) warnings.push(warning)
})

function isOfPackage({ stack = '' }: Error): boolean {
  const caller = stack.split('\n').find(line => line.startsWith('    at ') && !line.includes('node:'))
  return caller?.includes('/node_modules/') ?? false
}

afterEach(() => {
  expect(warnings.splice(0)).toEqual([])
})
