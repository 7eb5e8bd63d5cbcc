import { spawnSync } from 'node:child_process'
import { type RunnerTestSuite, TestRunner } from 'vitest'

/** Tools other than iproute2, and the Debian packages that contain them. */
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
  strace: 'strace',
  systemctl: 'systemd',
  tcpdump: 'tcpdump',
  tmux: 'tmux',
  turnserver: 'coturn',
} as const

type Tool = keyof typeof packages

// Vitest loads modules separately for its runner and for tests, so a variable of this module would exist twice.
const store = globalThis as { netviaLabNeeds?: Map<RunnerTestSuite | undefined, Tool[]> }
store.netviaLabNeeds ??= new Map()
const needed = store.netviaLabNeeds

/** Call it at the top of a test file or a `describe`: if one of the tools is missing, the tests are skipped with the reason. */
export function needs(...tools: Tool[]): void {
  const { suite } = TestRunner.getCurrentSuite()
  needed.set(suite, [...(needed.get(suite) ?? []), ...tools])
}

/** The reason why the tests of a suite (`undefined`: of the file) can't run, if any. */
export function missingTools(suite: RunnerTestSuite | undefined): string | undefined {
  const missing = (needed.get(suite) ?? []).filter(tool => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0)
  if (missing.length === 0) return undefined
  return missing.map(tool => `needs "${tool}" (Debian package ${packages[tool]})`).join(', ')
}
