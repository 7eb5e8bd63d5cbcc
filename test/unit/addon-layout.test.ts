import { expect, test } from 'vitest'
import { addon, addressRoom, Batch, Field, tunnelEndFields } from '../../src/binding/addon.js'

test('the layout of batches is the same in C++ and in TypeScript', () => {
  const { BATCH_PACKETS, BATCH_EVENTS, SEND_FIELDS, RECEIVE_FIELDS, ADDRESS_ROOM } = addon().constants
  const { RELAY_END_FIELDS } = addon().constants
  expect({ packets: BATCH_PACKETS, events: BATCH_EVENTS, sendFields: SEND_FIELDS }).toEqual(Batch)
  expect([RECEIVE_FIELDS, ADDRESS_ROOM]).toEqual([Field.size, addressRoom])
  expect(RELAY_END_FIELDS).toBe(tunnelEndFields)
})
