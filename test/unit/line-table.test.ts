import { expect, test } from 'vitest'
import { markdown, simulate } from '../lines/table.js'

const rows = simulate()
console.log(markdown(rows))

test('no unusable line is up for more than 5 % of the time', () => {
  const unusable = rows.filter(({ verdict }) => verdict === 'unusable')
  expect(unusable.length).toBeGreaterThan(10)
  expect(unusable.filter(({ netvia }) => netvia.up > 0.05).map(({ name }) => name)).toEqual([])
})

test('no working line is down for more than 1 % of the time', () => {
  const working = rows.filter(({ verdict }) => verdict === 'works')
  expect(working.length).toBeGreaterThan(5)
  expect(working.filter(({ netvia }) => netvia.down > 0.01).map(({ name }) => name)).toEqual([])
})
