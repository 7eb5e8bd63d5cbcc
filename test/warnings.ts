import { afterEach, expect } from 'vitest'

/** Node warns of mistakes that it corrects silently, as a negative delay of a timer (from Node 24 on) or a listener too many. */
const warnings: Error[] = []
process.on('warning', warning => {
  if (warning.name !== 'ExperimentalWarning') warnings.push(warning)
})

afterEach(() => {
  expect(warnings.splice(0)).toEqual([])
})
