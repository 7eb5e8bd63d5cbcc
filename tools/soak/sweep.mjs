// Sweeps millions of addresses, almost all of which don't answer.
import assert from 'node:assert/strict'
import { sweep } from 'netvia'
import { Account, Tally } from './account.mjs'
import { verdictOf } from './crowds.mjs'

const { block, concurrency } = JSON.parse(process.argv[2])
const account = await Account.open()
const tally = new Tally()
const sweeping = sweep(block, { concurrency, timeout: 300 })
for await (const { address, outcome } of sweeping) tally.add(outcome, verdictOf(address))
const { total, rate, dropped } = sweeping.progress
await account.settle(
  `sweep of ${block}, ${Math.round(rate).toLocaleString('en')}/s, ${dropped} dropped: ${tally}`,
  tally.wrong,
)
assert.equal(tally.total, total, 'a result for each address')
