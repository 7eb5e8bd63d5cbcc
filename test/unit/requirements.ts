import { spawnSync } from 'node:child_process'
import type { TestContext } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { openIcmpDescriptor } from '../../src/protocols/icmp/socket/open-icmp-descriptor.js'

type Requirement =
  | 'ping'
  | 'bash'
  | 'script'
  | 'groff'
  | 'openssl'
  | 'prlimit'
  | 'shellcheck'
  | 'systemd-analyze'
  | 'zsh'
  | 'fish'

function refusal(attempt: () => unknown): string | undefined {
  try {
    attempt()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

function command(name: string, debianPackage: string) {
  const { error } = spawnSync(name, ['--version'], { stdio: 'ignore' })
  return error && `needs the command "${name}" (Debian package ${debianPackage})`
}

const checks: Record<Requirement, () => string | undefined> = {
  ping: () => refusal(() => addon().close(openIcmpDescriptor(4, 'auto', {}).fd)),
  bash: () => command('bash', 'bash'),
  script: () => command('script', 'bsdutils'),
  groff: () => command('groff', 'groff-base'),
  openssl: () => command('openssl', 'openssl'),
  zsh: () => command('zsh', 'zsh'),
  fish: () => command('fish', 'fish'),
  prlimit: () => command('prlimit', 'util-linux'),
  shellcheck: () => command('shellcheck', 'shellcheck'),
  'systemd-analyze': () => command('systemd-analyze', 'systemd'),
}

const missing = new Map<Requirement, string | undefined>()

/** Skips the test with the reason if this user or machine lacks a requirement: `beforeEach(context => requires(context, 'ping'))`. */
export function requires(context: TestContext, ...requirements: Requirement[]): void {
  for (const requirement of requirements) {
    if (!missing.has(requirement)) missing.set(requirement, checks[requirement]())
    const reason = missing.get(requirement)
    if (reason) context.skip(reason)
  }
}
