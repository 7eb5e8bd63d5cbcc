import { beforeAll, describe, expect, it } from 'vitest'
import { type PingResult, ping, pings, sweep } from '../../src/index.js'
import { atEnd, type Host, lab, needs } from '../lab/index.js'
import { netvia, objects } from '../unit/cli-process.js'

const { wan1 } = lab
const broadcast = '192.0.2.255'
const kinds = ['datagram', 'raw'] as const
const groups = [broadcast, '224.0.0.1', 'ff02::1%wan1']
const matrix = kinds.flatMap(kind => groups.map(group => ({ kind, group })))

async function collect(results: AsyncIterable<PingResult>): Promise<PingResult[]> {
  const all = []
  for await (const result of results) all.push(result)
  return all
}

/** Addresses of a host on the link of wan1 by which it answers a group: both ends of the cable do. */
function linkAddress(host: Host, device: string, group: string): string {
  if (!group.includes(':')) return host === 'router' ? wan1.address4 : wan1.gateway4
  const shown = lab.run(host, 'ip', '-6', '-o', 'address', 'show', 'dev', device, 'scope', 'link')
  return `${/inet6 (\S+)\//.exec(shown)![1]}%wan1`
}

const hostsOf = (group: string) => [linkAddress('router', 'wan1', group), linkAddress('isp1', 'customer', group)].sort()
const hostsIn = (results: readonly PingResult[]) => results.map(({ from }) => from).sort()

beforeAll(() => {
  for (const host of ['router', 'isp1'] as const) {
    lab.run(host, 'sysctl', '-qw', 'net.ipv4.icmp_echo_ignore_broadcasts=0')
    atEnd(() => lab.run(host, 'sysctl', '-qw', 'net.ipv4.icmp_echo_ignore_broadcasts=1'))
  }
})

describe.each(matrix)('the group $group, $kind', ({ kind, group }) => {
  const options = { kind, device: 'wan1', broadcast: true, timeout: 400 }

  it('has a result for each host that answers', async () => {
    const series = pings(group, { ...options, count: 2, interval: 50 })
    const results = await collect(series)
    for (const sequence of [0, 1]) {
      const answers = results.filter(result => result.sequence === sequence)
      expect(hostsIn(answers)).toEqual(hostsOf(group))
      expect(answers).toMatchObject([
        { outcome: 'reply', address: group },
        { outcome: 'reply', address: group },
      ])
    }
    expect(series.statistics).toMatchObject({ sent: 2, received: 2, duplicates: 0, lossRatio: 0 })
    const times = results.map(({ rttMs }) => rttMs!)
    expect(series.statistics).toMatchObject({ minMs: Math.min(...times), maxMs: Math.max(...times) })
  })

  it('is one target of a sweep, with a result for each host', async () => {
    const swept = sweep([group, wan1.gateway4], options)
    const results = await collect(swept)
    expect(hostsIn(results.filter(({ address }) => address === group))).toEqual(hostsOf(group))
    expect(results.filter(({ address }) => address === wan1.gateway4)).toHaveLength(1)
    expect(swept.statistics).toMatchObject({ sent: 2, received: 2, duplicates: 0, lossRatio: 0 })
    expect(swept.progress).toMatchObject({ done: 2, answered: 2 })
  })

  it('gives ping its first host, and silence where nobody answers', async () => {
    const result = await ping(group, options)
    expect(hostsOf(group)).toContain(result.from)
    lab.fault('isp1', 'meta l4proto { icmp, ipv6-icmp } drop')
    const [only, ...others] = await collect(pings(group, { ...options, count: 1 }))
    expect([only!.from, others]).toEqual([linkAddress('router', 'wan1', group), []])
  })
})

describe.each(kinds)('a broadcast address that is not meant, %s', kind => {
  needs('fping')
  const refused = {
    outcome: 'send-failed',
    alive: false,
    error: { code: 'ERR_BROADCAST_ADDRESS', hint: expect.stringContaining('broadcast: true') },
  }

  it('is a result that says what it is, by ping and by a sweep that goes on', async () => {
    expect(await ping(broadcast, { kind })).toMatchObject(refused)
    const swept = sweep(`192.0.2.254-${broadcast}`, { kind, timeout: 100 })
    const results = await collect(swept)
    expect(results.find(({ address }) => address === broadcast)).toMatchObject(refused)
    expect(results).toHaveLength(2)
  })

  it('has not its own prohibit route for a cause', async () => {
    lab.run('router', 'ip', 'route', 'add', 'prohibit', '10.99.0.1')
    atEnd(() => lab.run('router', 'ip', 'route', 'delete', 'prohibit', '10.99.0.1'))
    expect(await ping('10.99.0.1', { kind })).toMatchObject({ outcome: 'send-failed', error: { code: 'EACCES' } })
  })

  it('ends the commands as fping does', async () => {
    const fping = lab.run('router', 'sh', '-c', `fping -q -r0 -t100 ${broadcast} 2>&1; echo "code $?"`)
    expect(fping).toContain('code 1')
    const swept = await netvia(['sweep', '-r', '0', '-t', '100', wan1.gateway4, broadcast])
    expect(swept.stdout).toContain(`${broadcast} is unreachable (${broadcast} is a broadcast address; `)
    expect(swept.code).toBe(1)
    const pinged = await netvia(['ping', '-c', '1', '--kind', kind, broadcast])
    expect(pinged.stdout).toContain('-b in netvia ping')
    expect(pinged.code).toBe(1)
  })
})

describe('in the command', () => {
  it('each host of a group is a line and an object', async () => {
    const args = ['-I', 'wan1', '-c', '1', '-W', '0.4']
    const text = await netvia(['ping', '-b', ...args, broadcast])
    for (const host of hostsOf(broadcast)) expect(text.stdout).toContain(`bytes from ${host}: icmp_seq=1 `)
    expect(text.stdout).toContain('1 packets transmitted, 1 received, from 2 hosts, 0% packet loss')
    const json = objects(await netvia(['ping', '--json', ...args, 'ff02::1']))
    const from = json.filter(({ event }) => event === 'result').map(line => line.from)
    expect(from.sort()).toEqual(hostsOf('ff02::1'))
    const swept = await netvia(['sweep', '--broadcast', '-I', 'wan1', '-r', '0', broadcast])
    for (const host of hostsOf(broadcast)) expect(swept.stdout).toContain(`${broadcast} is alive: ${host}`)
  })
})
