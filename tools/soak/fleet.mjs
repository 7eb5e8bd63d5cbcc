// Probes many targets once a second for minutes. Some don't answer, some are rejected.
import { sweep } from 'netvia'
import { Account, Tally } from './account.mjs'
import { fleet, verdictOf } from './crowds.mjs'

const { targets, seconds } = JSON.parse(process.argv[2])
const account = await Account.open()
const tally = new Tally()
const probing = sweep(fleet(targets), { rate: targets, timeout: 900 })
for await (const { address, outcome } of probing) {
  tally.add(outcome, verdictOf(address))
  if (tally.total === targets * seconds) break
}
await account.settle(`${targets.toLocaleString('en')} targets each second: ${tally}`, tally.wrong)
