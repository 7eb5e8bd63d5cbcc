import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { lab, needs } from '../lab/index.js'
import { bootMachine, type Machine } from './machine.js'

const token = '0f1e2d3c4b5a69788796'
const unit = readFileSync(new URL('../../examples/router/netvia-monitor.service', import.meta.url), 'utf8')
const patience = { timeout: 20_000, interval: 100 }

/** The example's configuration, with targets in this network. */
function configuration(names: [string, string]): string {
  return `
interval: 100ms
timeout: 1s
stateFile: /run/netvia/uplinks.json
uplinks:
  - { name: ${names[0]}, device: wan1, checks: [{ type: ping, host: ${lab.server.address4} }] }
  - { name: ${names[1]}, device: wan2, checks: [{ type: ping, host: ${lab.server.address4} }], priority: 2 }
`
}

async function states(): Promise<Record<string, string> | string> {
  try {
    const response = await fetch('http://127.0.0.1:9777/api/snapshot', {
      headers: { authorization: `Bearer ${token}` },
    })
    const { uplinks } = (await response.json()) as { uplinks: { name: string; state: string }[] }
    return Object.fromEntries(uplinks.map(({ name, state }) => [name, state]))
  } catch (error) {
    return String((error as Error).cause ?? error)
  }
}

describe('the systemd unit, on a machine that runs systemd', () => {
  needs('systemctl')
  let machine: Machine
  const property = (name: string) =>
    machine.run('systemctl', 'show', '--value', `--property=${name}`, 'netvia-monitor').trim()
  const journal = () => machine.run('journalctl', '--no-pager', '--output=cat', '--unit=netvia-monitor')

  beforeAll(async () => {
    machine = await bootMachine()
    machine.write('/etc/netvia/uplinks.yaml', configuration(['fibre', 'lte']))
    machine.write('/etc/netvia/token', token)
    machine.write('/etc/systemd/system/netvia-monitor.service', unit)
    machine.run('systemctl', 'daemon-reload')
    machine.run('systemctl', 'start', 'netvia-monitor')
  }, 90_000)

  test('watches both uplinks as an unprivileged user, without capabilities and under a seccomp filter', async () => {
    await expect.poll(states, patience).toEqual({ fibre: 'up', lte: 'up' })
    const status = machine.run('cat', `/proc/${property('MainPID')}/status`)
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
      expect(status).toMatch(new RegExp(`^${set}:\\s+0+$`, 'm'))
    }
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m)
    expect(status).toMatch(/^Seccomp:\s+2$/m)
    expect(status).not.toMatch(/^Uid:.*\b0\b/m)
  })

  test('reports that it is ready and the state of its uplinks, and feeds the watchdog', async () => {
    expect(property('Type')).toBe('notify')
    await expect.poll(() => property('StatusText'), patience).toBe('2 up')
    expect(property('WatchdogUSec')).toBe('1min')
    const before = Number(property('WatchdogTimestampMonotonic'))
    expect(before).toBeGreaterThan(0)
    await expect
      .poll(() => Number(property('WatchdogTimestampMonotonic')), { timeout: 60_000, interval: 1000 })
      .toBeGreaterThan(before)
  }, 90_000)

  test('lets only root use netvia status and netvia force', async () => {
    const status = () => machine.run('sh', '-c', 'netvia status || true')
    expect(status()).toMatch(/^new connections take fibre$/m)
    machine.run('netvia', 'force', 'fibre', 'down', '--why', 'maintenance')
    expect(status()).toMatch(/^fibre .* forced down: maintenance$/m)
    expect(status()).toMatch(/^new connections take lte$/m)
    await expect.poll(() => property('StatusText'), patience).toBe('1 up; fibre down')
    machine.run('netvia', 'force', 'fibre', 'auto')
    await expect.poll(states, patience).toEqual({ fibre: 'up', lte: 'up' })
    const other = 'setpriv --reuid=1000 --regid=1000 --clear-groups netvia status 2>&1 || true'
    expect(machine.run('sh', '-c', other)).toMatch(/permission denied/)
  })

  test('detects a pulled cable', async () => {
    lab.run('isp1', 'ip', 'link', 'set', 'customer', 'down')
    await expect.poll(states, patience).toEqual({ fibre: 'down', lte: 'up' })
    lab.run('isp1', 'ip', 'link', 'set', 'customer', 'up')
    await expect.poll(states, patience).toEqual({ fibre: 'up', lte: 'up' })
  })

  test('applies a new configuration on systemctl reload, in the same process', async () => {
    const before = property('MainPID')
    machine.write('/etc/netvia/uplinks.yaml', configuration(['fibre', 'radio']))
    machine.run('systemctl', 'reload', 'netvia-monitor')
    await expect.poll(states, patience).toEqual({ fibre: 'up', radio: 'up' })
    expect(property('MainPID')).toBe(before)
    expect(property('StatusText')).toBe('2 up')
  })

  test('sets routes with CAP_NET_ADMIN, as the comment in the unit says, and removes them', async () => {
    const lines = ['AmbientCapabilities', 'CapabilityBoundingSet'].map(name => `${name}=CAP_NET_ADMIN`)
    machine.write('/etc/systemd/system/netvia-monitor.service.d/routing.conf', ['[Service]', ...lines, ''].join('\n'))
    machine.write('/etc/netvia/uplinks.yaml', `${configuration(['fibre', 'radio'])}routing: { policy: failover }\n`)
    const rules = () => lab.run('router', 'ip', 'rule')
    const before = rules()
    machine.run('systemctl', 'daemon-reload')
    machine.run('systemctl', 'restart', 'netvia-monitor')
    await expect.poll(rules, patience).toMatch('from all lookup 7770 proto 77')
    expect(machine.run('cat', `/proc/${property('MainPID')}/status`)).toMatch(/^CapEff:\s+0+1000$/m)
    machine.run('rm', '-r', '/etc/systemd/system/netvia-monitor.service.d')
    machine.write('/etc/netvia/uplinks.yaml', configuration(['fibre', 'radio']))
    machine.run('systemctl', 'daemon-reload')
    machine.run('systemctl', 'restart', 'netvia-monitor')
    await expect.poll(states, patience).toEqual({ fibre: 'up', radio: 'up' })
    expect(rules()).toBe(before)
  })

  test('restarts after it was killed, and keeps its states across systemctl restart', async () => {
    const before = property('MainPID')
    machine.run('systemctl', 'kill', '--signal=KILL', 'netvia-monitor')
    await expect.poll(() => property('NRestarts'), patience).toBe('1')
    await expect.poll(states, patience).toEqual({ fibre: 'up', radio: 'up' })
    expect(property('MainPID')).not.toBe(before)

    machine.run('systemctl', 'restart', 'netvia-monitor')
    await expect.poll(() => property('ActiveState'), patience).toBe('active')
    await expect.poll(states, patience).toEqual({ fibre: 'up', radio: 'up' })
    expect(machine.run('cat', '/run/netvia/uplinks.json')).toContain('radio')
    machine.run('systemctl', 'stop', 'netvia-monitor')
    expect(property('Result')).toBe('success')
    // It restored the states from its file, without checking the uplinks again.
    expect(journal().match(/radio: unknown -> up/g)).toHaveLength(1)
    expect(journal()).not.toContain(token)
  })
})
