import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '../../src/cli/monitor/config.js'
import { requires } from './requirements.js'

const example = (name: string) => fileURLToPath(new URL(`../../examples/router/${name}`, import.meta.url))

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'netvia-router-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

test('the configuration is valid', () => {
  expect(readConfig(example('uplinks.yaml')).uplinks.map(({ device }) => device)).toEqual(['wan1', 'wan2'])
})

describe('the init script for procd', () => {
  test('passes shellcheck', context => {
    requires(context, 'shellcheck')
    const { stdout, status } = spawnSync('shellcheck', ['-s', 'sh', example('netvia.init')], { encoding: 'utf8' })
    expect({ stdout, status }).toEqual({ stdout: '', status: 0 })
  })

  /** Runs the script with mocks of procd's functions. Returns their recorded calls. */
  function started(check: number, token?: string, configuration = ''): { asked: string[]; status: number | null } {
    const files = { config: join(folder, 'uplinks.yaml'), token: join(folder, 'token') }
    rmSync(files.token, { force: true })
    writeFileSync(files.config, configuration)
    if (token) writeFileSync(files.token, token)
    const script = `
      for name in open_instance set_param append_param close_instance; do
        eval "procd_$name() { echo $name \\"\\$@\\"; }"
      done
      netvia() { [ "$*" = "monitor --check -c ${files.config}" ] && return ${check}; }
      mkdir() { :; }
      chown() { :; }
      . '${example('netvia.init')}'
      CONFIG=${files.config} TOKEN=${files.token}
      start_service`
    const { stdout, status } = spawnSync('sh', ['-c', script], { encoding: 'utf8' })
    return { asked: stdout.trimEnd().split('\n').filter(Boolean), status }
  }

  test('starts the monitor as nobody, with respawn, and reloads it with SIGHUP', () => {
    const { asked, status } = started(0, 'a token of some length')
    expect(status).toBe(0)
    expect(asked[0]).toBe('open_instance')
    expect(asked).toContain(`set_param command netvia monitor -c ${join(folder, 'uplinks.yaml')}`)
    expect(asked).toContain('append_param command --listen 127.0.0.1:9777')
    expect(asked).toContain('set_param env NETVIA_TOKEN=a token of some length')
    expect(asked).toContain('set_param user nobody')
    expect(asked).toContain('set_param reload_signal HUP')
    expect(asked.some(line => line.startsWith('set_param respawn'))).toBe(true)
    expect(asked.at(-1)).toBe('close_instance')
  })

  test('starts it as root if it sets routes', () => {
    const own = readFileSync(example('uplinks.yaml'), 'utf8')
    const { asked, status } = started(0, undefined, own.replace('#routing:', 'routing:'))
    expect(status).toBe(0)
    expect(asked).not.toContain('set_param user nobody')
    expect(started(0, undefined, own).asked).toContain('set_param user nobody')
  })

  test('starts without a token, but not with an invalid configuration', () => {
    expect(started(0)).toMatchObject({ status: 0, asked: expect.not.arrayContaining([expect.stringMatching(/TOKEN/)]) })
    expect(started(3)).toEqual({ status: 1, asked: [] })
  })
})

describe('the systemd unit', () => {
  test('is well-formed, and confines the service', context => {
    requires(context, 'systemd-analyze')
    // On this machine, neither netvia nor its manual is installed.
    const unit = readFileSync(example('netvia-monitor.service'), 'utf8')
      .replace('/usr/bin/netvia', process.execPath)
      .replace(/^Documentation=.*\n/m, '')
    const file = join(folder, 'netvia-monitor.service')
    writeFileSync(file, unit)
    const verified = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' })
    expect({ status: verified.status, stderr: verified.stderr }).toEqual({ status: 0, stderr: '' })
    // The scale ends at 100. A unit without any confinement scores 96.
    const security = spawnSync('systemd-analyze', ['security', '--offline=yes', '--threshold=20', file])
    expect(security.status).toBe(0)
  })
})
