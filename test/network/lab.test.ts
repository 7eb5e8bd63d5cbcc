import { describe, expect, test } from 'vitest'
import { lab, needs } from '../lab/index.js'

describe('the laboratory', () => {
  needs('ping')

  test.each([
    ['wan1', 'IPv4', lab.server.address4],
    ['wan2', 'IPv4', lab.server.address4],
    ['wan1', 'IPv6', lab.server.address6],
    ['wan2', 'IPv6', lab.server.address6],
  ])('reaches the server by %s over %s', (device, _family, address) => {
    const before = [lab.counters('wan1'), lab.counters('wan2')]
    expect(lab.run('router', 'ping', '-c', '2', '-i', '0.01', '-W', '2', '-I', device, address)).toContain('2 received')
    const moved = [lab.counters('wan1'), lab.counters('wan2')].map((now, i) => now.txPackets - before[i]!.txPackets)
    expect(moved).toEqual(device === 'wan1' ? [2, 0] : [0, 2])
  })
})
