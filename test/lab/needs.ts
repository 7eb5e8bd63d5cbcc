import { spawnSync } from 'node:child_process'
import { type RunnerTestSuite, TestRunner } from 'vitest'

/** Tools beyond iproute2, and the Debian packages they come in. */
const packages = {
  cc: 'gcc',
  chromium: 'chromium',
  curl: 'curl',
  dnsmasq: 'dnsmasq-base',
  fping: 'fping',
  git: 'git',
  mosquitto: 'mosquitto',
  mosquitto_pub: 'mosquitto-clients',
  mosquitto_sub: 'mosquitto-clients',
  mtr: 'mtr-tiny',
  nc: 'netcat-openbsd',
  nft: 'nftables',
  nginx: 'nginx-light',
  nmap: 'nmap',
  ping: 'iputils-ping',
  podman: 'podman',
  prometheus: 'prometheus',
  'prometheus-blackbox-exporter': 'prometheus-blackbox-exporter',
  promtool: 'prometheus',
  'redis-server': 'redis-server',
  ssh: 'openssh-client',
  sshd: 'openssh-server',
  systemctl: 'systemd',
  tcpdump: 'tcpdump',
  tmux: 'tmux',
  turnserver: 'coturn',
} as const

type Tool = keyof typeof packages

// Vitest loads modules anew between runner and tests: a variable of this module would be two.
const store = globalThis as { netviaLabNeeds?: Map<RunnerTestSuite | undefined, Tool[]> }
store.netviaLabNeeds ??= new Map()
const needed = store.netviaLabNeeds

/** At the top of a test file, or of a `describe`: skips its tests, aloud, where one of the tools is missing. */
export function needs(...tools: Tool[]): void {
  const { suite } = TestRunner.getCurrentSuite()
  needed.set(suite, [...(needed.get(suite) ?? []), ...tools])
}

/** Why the tests of a suite (`undefined`: of the file) can't run, if they can't. */
export function missingTools(suite: RunnerTestSuite | undefined): string | undefined {
  const missing = (needed.get(suite) ?? []).filter(tool => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0)
  if (missing.length === 0) return undefined
  return missing.map(tool => `needs "${tool}" (Debian package ${packages[tool]})`).join(', ')
}
