import { beforeAll, describe, expect, it } from 'vitest'
import { checkPing, type PingResult, ping, pings, sweep } from '../../src/index.js'
import { context } from '../lab/context.js'
import { atEnd, type Host, lab, needs } from '../lab/index.js'
import { netvia, objects } from '../unit/cli-process.js'

const { wan1 } = lab
const broadcast = '192.0.2.255'
const kinds = ['datagram', 'raw'] as const
const others = ['isp1', 'slow'] as const
const groups = [broadcast, '224.0.0.1', 'ff02::1%wan1']
const matrix = kinds.flatMap(kind => groups.map(group => ({ kind, group })))

async function collect(results: AsyncIterable<PingResult>): Promise<PingResult[]> {
  const all = []
  for await (const result of results) all.push(result)
  return all
}

/** The address from which a host on wan1's link answers a group. */
function linkAddress(host: Host, device: string, group: string): string {
  const family = group.includes(':') ? '-6' : '-4'
  const shown = lab.run(host, 'ip', family, '-o', 'address', 'show', 'dev', device)
  return family === '-4' ? /inet (\S+)\//.exec(shown)![1]! : `${/inet6 (fe80\S+)\//.exec(shown)![1]}%wan1`
}

/** All hosts in the group except this machine, which answers too. */
const hostsOf = (group: string) => [linkAddress('isp1', 'customer', group), linkAddress('slow', 'second', group)].sort()
const hostsIn = (results: readonly PingResult[]) => results.map(({ from }) => from).sort()

beforeAll(() => {
  for (const host of ['router', ...others] as const) {
    lab.run(host, 'sysctl', '-qw', 'net.ipv4.icmp_echo_ignore_broadcasts=0')
    atEnd(() => lab.run(host, 'sysctl', '-qw', 'net.ipv4.icmp_echo_ignore_broadcasts=1'))
  }
  // Adds a second host to wan1's link.
  lab.run('isp1', 'ip', 'link', 'add', 'second', 'link', 'customer', 'type', 'macvlan', 'mode', 'bridge')
  atEnd(() => lab.run('slow', 'ip', 'link', 'delete', 'second'))
  lab.run('isp1', 'ip', 'link', 'set', 'second', 'netns', context.names.slow)
  lab.run('slow', 'ip', 'link', 'set', 'second', 'up')
  lab.run('slow', 'ip', 'address', 'add', '192.0.2.7/24', 'dev', 'second')
})

function silence(): void {
  for (const host of others) lab.fault(host, 'meta l4proto { icmp, ipv6-icmp } drop')
}

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

  it('returns its first host to ping, and silence if only this machine answers', async () => {
    const result = await ping(group, options)
    expect(hostsOf(group)).toContain(result.from)
    silence()
    expect(await ping(group, options)).toMatchObject({ outcome: 'timeout', from: undefined })
    const series = pings(group, { ...options, count: 1 })
    expect(await collect(series)).toMatchObject([{ outcome: 'timeout', from: undefined }])
    expect(series.statistics).toMatchObject({ sent: 1, received: 0, duplicates: 0, lossRatio: 1 })
    expect(await collect(sweep([group], options))).toMatchObject([{ outcome: 'timeout', from: undefined }])
    expect(await checkPing(group, { ...options, count: 1 })).toMatchObject({ ok: false })
  })
})

describe.each(kinds)('a broadcast address without the broadcast option, %s', kind => {
  needs('fping')
  const refused = {
    outcome: 'send-failed',
    alive: false,
    error: { code: 'ERR_BROADCAST_ADDRESS', hint: expect.stringContaining('broadcast: true') },
  }

  it('is a result that says so in ping, and in a sweep, which continues', async () => {
    expect(await ping(broadcast, { kind })).toMatchObject(refused)
    const swept = sweep(`192.0.2.254-${broadcast}`, { kind, timeout: 100 })
    const results = await collect(swept)
    expect(results.find(({ address }) => address === broadcast)).toMatchObject(refused)
    expect(results).toHaveLength(2)
  })

  it('is not blamed for a prohibit route', async () => {
    lab.run('router', 'ip', 'route', 'add', 'prohibit', '10.99.0.1')
    atEnd(() => lab.run('router', 'ip', 'route', 'delete', 'prohibit', '10.99.0.1'))
    expect(await ping('10.99.0.1', { kind })).toMatchObject({ outcome: 'send-failed', error: { code: 'EACCES' } })
  })

  it('makes the commands exit with 1, like fping', async () => {
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
  it('each host of a group is one line, or one object', async () => {
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

describe('groups that only this machine can answer', () => {
  it.each([
    ['224.0.0.1', 'lo', '10.77.0.1'],
    ['127.255.255.255', undefined, '127.0.0.1'],
    ['0.0.0.0', undefined, '127.0.0.1'],
  ])('%s on %s is answered by this machine', async (target, device, from) => {
    lab.run('router', 'ip', 'address', 'add', '10.77.0.1/32', 'dev', 'lo')
    atEnd(() => lab.run('router', 'ip', 'address', 'delete', '10.77.0.1/32', 'dev', 'lo'))
    const options = { device, broadcast: true }
    expect(await ping(target, options)).toMatchObject({ outcome: 'reply', from })
  })
})

it('another host answers from a link-local address that this machine has on another link', async () => {
  const shared = 'fe80::7'
  lab.run('router', 'ip', 'address', 'add', `${shared}/64`, 'dev', 'wan2', 'nodad')
  atEnd(() => lab.run('router', 'ip', 'address', 'delete', `${shared}/64`, 'dev', 'wan2'))
  lab.run('slow', 'ip', '-6', 'address', 'flush', 'dev', 'second')
  lab.run('slow', 'ip', 'address', 'add', `${shared}/64`, 'dev', 'second', 'nodad')
  const results = await collect(pings('ff02::1', { device: 'wan1', count: 1 }))
  expect(hostsIn(results)).toContain(`${shared}%wan1`)
})

it('without a cable, nobody answers a group', async () => {
  lab.run('isp1', 'ip', 'link', 'set', 'customer', 'down')
  atEnd(() => lab.run('isp1', 'ip', 'link', 'set', 'customer', 'up'))
  for (const { kind, group } of matrix) {
    const { outcome } = await ping(group, { kind, device: 'wan1', broadcast: true, timeout: 400 })
    expect(['timeout', 'send-failed']).toContain(outcome)
  }
})
