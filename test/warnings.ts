import { afterAll, expect } from 'vitest'

/** Node warns of mistakes that it corrects silently, as a negative delay of a timer (from Node 24 on) or a listener too many. */
const warnings: string[] = []
process.on('warning', warning => {
  if (warning.name === 'ExperimentalWarning' || isOfPackage(warning)) return
  warnings.push(`during ${expect.getState().currentTestName}: ${warning.stack}`)
})

function isOfPackage({ stack = '' }: Error): boolean {
  const caller = stack.split('\n').find(line => line.startsWith('    at ') && !line.includes('node:'))
  return caller?.includes('/node_modules/') ?? false
}

// Not after each test: Node gives most warnings once, so a test that is tried again would pass.
afterAll(() => {
  if (warnings.length > 0) throw new Error(warnings.join('\n'))
})
