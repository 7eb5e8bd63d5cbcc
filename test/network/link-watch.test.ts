import { afterEach, expect, test, vi } from 'vitest'
import { LinkHistory } from '../../src/monitor/link/link-fault.js'
import { watchLinks } from '../../src/monitor/link/link-watch.js'
import * as tables from '../../src/system/netlink/tables.js'
import { runWithInput } from '../lab/processes.js'

vi.mock('../../src/system/netlink/tables.js', { spy: true })

const device = 'many0'
const batch = (lines: string[]) => void runWithInput('router', `${lines.join('\n')}\n`, 'ip', '-batch', '-')

afterEach(() => batch([`link del ${device}`]))

test('reads the tables once for all changes of a turn, even for thousands of addresses', async () => {
  batch([`link add ${device} type veth peer name many1`, `link set ${device} up`])
  const failed = vi.fn()
  const facts: unknown[] = []
  const unwatch = watchLinks(new Map([[device, new LinkHistory()]]), (_, told) => facts.push(told), failed)
  try {
    expect(facts).toHaveLength(1)
    const before = vi.mocked(tables.readAddresses).mock.calls.length
    // Changes accumulate while this process waits for ip(8).
    batch(Array.from({ length: 400 }, (_, i) => `addr add 10.78.${i >> 8}.${i & 255}/32 dev ${device}`))
    batch(['link set many1 up'])
    await expect.poll(() => facts.at(-1)).toMatchObject({ fault: null })
    expect(vi.mocked(tables.readAddresses).mock.calls.length - before).toBeLessThan(40)
    batch(Array.from({ length: 400 }, (_, i) => `addr del 10.78.${i >> 8}.${i & 255}/32 dev ${device}`))
    await expect.poll(() => facts.at(-1)).toEqual({ fault: null, lost: [4] })
    expect(vi.mocked(tables.readAddresses).mock.calls.length - before).toBeLessThan(80)
    expect(failed).not.toHaveBeenCalled()
  } finally {
    unwatch()
  }
})
