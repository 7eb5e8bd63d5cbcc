import { beforeAll, describe, expect, test } from 'vitest'
import { lab, needs } from '../lab/index.js'
import { bootMachine, type Machine } from './machine.js'

let machine: Machine

beforeAll(async () => {
  machine = await bootMachine()
}, 90_000)

interface Finding {
  about: string
  status: string
  fix?: string
}

const raw = 'ping by raw socket, IPv4'
// doctor exits with 4 if anything doesn't work. Here, no name server answers.
const doctor = ['/bin/sh', '-c', 'netvia doctor --json || true']
const ping = ['netvia', 'ping', '--json', '-c', '1', '-I', 'wan2', lab.server.address4]

/** The finding about raw sockets in the output of `netvia doctor --json`. */
function ofRawSockets(output: string): Finding | undefined {
  const findings = output
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Finding)
  return findings.find(({ about }) => about === raw)
}

describe('in a Podman container with its default seccomp filter', () => {
  needs('podman')
  // The machine has no images and can't raise limits, so the container uses the machine's own files and limits.
  const limits = ['--ulimit=nofile=1024:20000', '--ulimit=nproc=1000:1000', '--cgroups=disabled']
  const storage = ['--root=/tmp/containers', '--runroot=/run/containers']
  const podman = (flags: string[], ...command: string[]) => {
    const own = [...storage, 'run', '--rm', '--network=host', ...limits, ...flags, '--rootfs', '/:O']
    return machine.run('podman', ...own, ...command)
  }

  test('the flag that doctor names opens raw sockets', () => {
    const before = ofRawSockets(podman([], ...doctor))
    expect(before).toMatchObject({ status: 'no', fix: expect.stringMatching(/^docker run (--cap-add=\w+) …$/) })
    const [, flag] = /(--cap-add=\w+)/.exec(before!.fix!)!
    expect(ofRawSockets(podman([flag!], ...doctor))).toMatchObject({ status: 'yes' })
    expect(podman([flag!], ...ping, '--kind', 'raw')).toContain('"outcome":"reply"')
  })

  test('a user without privileges pings through a device', () => {
    const flags = ['--cap-drop=ALL', '--user=1000', '--security-opt=no-new-privileges']
    expect(podman(flags, ...ping)).toContain('"outcome":"reply"')
  })
})

describe('in a systemd service', () => {
  needs('systemctl')
  const inService = (properties: string[], ...command: string[]) => {
    const own = ['--quiet', '--wait', '--pipe', '--uid=1000', '--property=NoNewPrivileges=yes']
    return machine.run('systemd-run', ...own, ...properties, ...command)
  }

  test.each([
    ['without new privileges', []],
    ['with an empty bounding set', ['--property=CapabilityBoundingSet=']],
  ])('%s, the property that doctor names opens raw sockets', (_, properties) => {
    const before = ofRawSockets(inService(properties, ...doctor))
    expect(before).toMatchObject({ status: 'no', fix: expect.stringMatching(/^systemd-run --property=\S+ \S+ …$/) })
    const property = before!.fix!.split(' ')[1]!
    expect(ofRawSockets(inService([property], ...doctor))).toMatchObject({ status: 'yes' })
    expect(inService([property], ...ping, '--kind', 'raw')).toContain('"outcome":"reply"')
  })
})
