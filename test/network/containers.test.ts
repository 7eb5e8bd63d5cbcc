import { chmodSync } from 'node:fs'
import { beforeAll, describe, expect, it, test } from 'vitest'
import { atEnd, type Host, lab } from '../lab/index.js'
import { collect, command, type Ended, objects } from '../unit/cli-process.js'

/** The capabilities that Docker, Podman and containerd give a container by default. */
const usual = [
  ...['chown', 'dac_override', 'fowner', 'fsetid', 'kill', 'setgid', 'setuid', 'setpcap', 'net_bind_service'],
  ...['net_raw', 'sys_chroot', 'mknod', 'audit_write', 'setfcap'],
]

interface Container {
  capabilities?: string[]
  /** `runAsUser`, `--user`. */
  user?: number
  /** `allowPrivilegeEscalation: false`, `--security-opt no-new-privileges`. */
  noNewPrivileges?: boolean
  /** systemd's AmbientCapabilities. */
  ambient?: string
}

/** Runs the command with the privileges of a process in such a container, but with the router's devices. */
function inContainer(container: Container, ...args: string[]): Promise<Ended> {
  const { capabilities = usual, user = 0, noNewPrivileges = false, ambient } = container
  const set = ['-all', ...capabilities.map(name => `+${name}`)].join(',')
  const kept =
    ambient === undefined ? ['--inh-caps=-all'] : [`--inh-caps=-all,+${ambient}`, `--ambient-caps=+${ambient}`]
  const ids = user === 0 ? [] : ['--reuid', `${user}`, '--regid', `${user}`, '--clear-groups']
  const limits = [`--bounding-set=${set}`, ...kept, ...ids, ...(noNewPrivileges ? ['--no-new-privs'] : [])]
  return collect(lab.spawn('router', 'setpriv', ...limits, process.execPath, command, ...args))
}

interface Finding {
  about: string
  status: string
  fix?: string
}

async function doctor(container: Container): Promise<Finding[]> {
  return objects(await inContainer(container, 'doctor', '--json')) as unknown as Finding[]
}

const ping = ['ping', '-c', '1', '-I', 'wan2', lab.server.address4]

beforeAll(() => chmodSync(lab.folder, 0o755))

function pingGroups(range: string): void {
  lab.run('router', 'sysctl', '-qw', `net.ipv4.ping_group_range=${range}`)
  atEnd(() => lab.run('router', 'sysctl', '-qw', 'net.ipv4.ping_group_range=0 2147483647'))
}

/** The table of docs/containers.md. */
describe('in a container', () => {
  test.each<[string, Container, boolean, boolean]>([
    ['root with the usual capabilities', {}, true, true],
    ['root without any', { capabilities: [] }, false, true],
    ['another user', { user: 1000 }, false, true],
    ['another user without new privileges', { user: 1000, noNewPrivileges: true }, false, true],
  ])('%s may ping through a device', async (_name, container, raw, datagram) => {
    for (const [kind, allowed] of [
      ['raw', raw],
      ['datagram', datagram],
      ['auto', true],
    ] as const) {
      expect(await inContainer(container, ...ping, '--kind', kind)).toMatchObject({ code: allowed ? 0 : 4 })
    }
  })

  test.each<[string, Container, boolean]>([
    ['root with the usual capabilities', {}, true],
    ['root without any', { capabilities: [] }, false],
    ['another user', { user: 1000 }, false],
  ])('if the sysctl allows nobody, %s needs CAP_NET_RAW', async (_name, container, allowed) => {
    pingGroups('1 0')
    const { code, stderr } = await inContainer(container, ...ping)
    expect(code).toBe(allowed ? 0 : 4)
    expect(stderr).toContain(allowed ? '' : 'ping_group_range')
  })

  it("the host's devices are not visible", async () => {
    const child = lab.spawn('internet', process.execPath, command, ...ping)
    const { code, stderr } = await collect(child)
    expect({ code, stderr }).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('the devices here are isp1, isp2, lo'),
    })
  })
})

test('nsenter --net, without the /sys of the namespace: what a device of the same name is there says nothing', async () => {
  const ip = (host: Host, ...lines: string[]) => {
    for (const line of lines) lab.run(host, 'ip', ...line.split(' '))
  }
  const made = 'link add twin0 type veth peer name twin1'
  ip('router', made)
  const target = '10.99.0.9'
  const neighbour = `neighbour add ${target} lladdr 02:00:00:00:00:09 nud permanent dev twin0`
  ip('internet', made, 'link set twin0 up', 'link set twin1 up', 'address add 10.99.0.1/24 dev twin0', neighbour)
  atEnd(() => ip('router', 'link del twin0'))
  atEnd(() => ip('internet', 'link del twin0'))
  const entered = ['nsenter', `--net=/run/netns/${lab.names.internet}`]
  const words = ['ping', '--json', '-c', '1', '-W', '500ms', '-I', 'twin0', target]
  const [result] = objects(
    await collect(lab.spawn('router', entered[0]!, entered[1]!, process.execPath, command, ...words)),
  )
  expect(result).toMatchObject({ outcome: 'timeout' })
})

it('the hint for a wrong name lists the devices of the network namespace that was entered', async () => {
  const entered = ['nsenter', `--net=/run/netns/${lab.names.internet}`, process.execPath, command] as const
  const { stderr } = await collect(
    lab.spawn('router', ...entered, 'ping', '-c', '1', '-I', 'nope', lab.server.address4),
  )
  expect(stderr).toContain('isp1')
  expect(stderr).not.toContain('wan1')
})

describe('doctor in a container', () => {
  it('names the capability to add for each missing permission', async () => {
    const before = await doctor({ capabilities: [] })
    const lacking = before.filter(({ fix }) => fix?.startsWith('docker run'))
    expect(lacking.length).toBeGreaterThan(4)
    for (const { about, fix } of lacking) {
      const [, name] = /^docker run --cap-add=(\w+) …$/.exec(fix!)!
      const after = await doctor({ capabilities: [name!.toLowerCase()] })
      expect(after.find(finding => finding.about === about)).toMatchObject({ about, status: 'yes' })
    }
  })

  it('as another user without new privileges, names the ambient capability', async () => {
    const container = { user: 1000, noNewPrivileges: true }
    const lacking = (await doctor(container)).filter(({ fix }) => fix?.startsWith('systemd-run'))
    expect(lacking.length).toBeGreaterThan(2)
    for (const { about, fix } of lacking) {
      const [, name] = /^systemd-run --property=AmbientCapabilities=CAP_(\w+) \S+ …$/.exec(fix!)!
      const ambient = name!.toLowerCase()
      const after = await doctor({ ...container, capabilities: [...usual, ambient], ambient })
      expect(after.find(finding => finding.about === about)).toMatchObject({ about, status: 'yes' })
    }
  })
})
