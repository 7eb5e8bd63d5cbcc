import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { ping } from '../../src/index.js'
import { lab } from '../lab/index.js'

/** Milliseconds that the clock has been set forward. */
let later = 0
vi.mock('../../src/monotonic.js', async importOriginal => {
  const original = await importOriginal<typeof import('../../src/monotonic.js')>()
  return { ...original, monotonicNow: () => original.monotonicNow() + later }
})

test('pings that overlap without an answer do not keep one identifier, whose flow a NAT may have lost, for ever', async () => {
  const nft = (...command: string[]) => lab.run('isp1', 'nft', command.join(' '))
  nft('add table ip flows; add set ip flows seen { typeof icmp id; size 4096; flags dynamic; }')
  onTestFinished(() => void nft('delete table ip flows'))
  nft('add chain ip flows passing { type filter hook forward priority 0; }')
  nft('add rule ip flows passing icmp type echo-request add @seen { icmp id } drop')
  const identifiers = () => /elements = \{([^}]*)\}/.exec(nft('list set ip flows seen'))?.[1]?.split(',').length ?? 0
  const host = lab.server.address4
  const options = { device: 'wan1', timeout: 400 }
  const pending = [ping(host, options)]
  for (let i = 0; i < 5; i++) {
    await sleep(200)
    pending.push(ping(host, options))
  }
  const before = identifiers()
  later = 120_000
  pending.push(ping(host, options))
  await Promise.all(pending)
  expect([before, identifiers()]).toEqual([1, 2])
})
