import { expect, test } from 'vitest'
import { Bag } from '../../src/runtime/bag.js'

test('a bag holds what was not removed, in any order of removal, and each item is removed once', () => {
  const bag = new Bag<string>()
  const [one, two, three] = ['one', 'two', 'three'].map(value => bag.add(value))
  const held = () =>
    bag
      .places()
      .map(({ value }) => value)
      .sort()
  expect(bag.delete(one!)).toBe(true)
  expect(bag.delete(one!)).toBe(false)
  expect([bag.size, held()]).toEqual([2, ['three', 'two']])
  const before = bag.places()
  expect([bag.delete(three!), bag.delete(two!), bag.delete(three!)]).toEqual([true, true, false])
  bag.add('four')
  expect([bag.size, held()]).toEqual([1, ['four']])
  expect(before.map(({ value }) => value)).toEqual([undefined, undefined])
})
