import { existsSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { pathManagerSetting } from '../../system/multipath/path-manager.js'
import type { Finding } from './finding.js'

const oldest = [5, 4] as const

/** Kernel, seccomp and container: what sets the bounds of everything else. */
export function systemFindings(): Finding[] {
  return [kernel(release()), ...ownConfinement(), ...container(), ...pathManager()]
}

function ownConfinement(): Finding[] {
  try {
    return confinement(readFileSync('/proc/self/status', 'utf8'))
  } catch {
    const detail =
      'it is not mounted, or not to be read: what it has is unknown below, and "netvia run" refuses to start'
    return [{ about: '/proc', status: 'no', optional: true, detail, fix: 'mount -t proc proc /proc' }]
  }
}

/** netvia changes the setting for microseconds; a process killed in between leaves it changed. */
function pathManager(): Finding[] {
  const setting = pathManagerSetting()
  if (!setting || setting.value !== setting.userspace) return []
  const detail =
    'programs create the subflows of Multipath TCP here, not the kernel: without mptcpd or an administrator ' +
    'who wants that, it is left from a netvia that was killed, and "sysctl -w net.mptcp.pm_type=0" undoes it'
  return [{ about: 'path manager', status: 'note', detail }]
}

export function kernel(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number.parseFloat)
  const atLeast = ([a, b]: readonly [number, number]) => major > a || (major === a && minor >= b)
  if (!atLeast(oldest)) return { about: 'kernel', status: 'no', detail: `Linux ${version}; 5.4 or later is needed` }
  const bind = atLeast([5, 7])
    ? 'binding to a device needs no privilege'
    : 'binding to a device needs CAP_NET_RAW (before 5.7)'
  return { about: 'kernel', status: 'yes', detail: `Linux ${version}; ${bind}` }
}

/** Of /proc/<pid>/status, proc(5). */
export function confinement(status: string): Finding[] {
  const field = (name: string) => new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status)?.[1]
  const findings: Finding[] = []
  if (field('Seccomp') === '2') {
    const detail = 'a filter is on: system calls it refuses fail as if a privilege were missing'
    findings.push({ about: 'seccomp', status: 'note', detail })
  }
  if (field('NoNewPrivs') === '1') {
    const detail = 'no_new_privs is set: capabilities given to a file by setcap have no effect here'
    findings.push({ about: 'new privileges', status: 'note', detail })
  }
  return findings
}

function container(): Finding[] {
  const marks = [
    ['/.dockerenv', 'Docker'],
    ['/run/.containerenv', 'Podman'],
    ['/var/run/secrets/kubernetes.io', 'Kubernetes'],
  ] as const
  const found = marks.find(([path]) => existsSync(path))
  if (!found) return []
  const detail = `${found[1]}: only the devices of its own network namespace are there (--network host, hostNetwork: true)`
  return [{ about: 'container', status: 'note', detail }]
}
