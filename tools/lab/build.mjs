// Makes and removes the laboratory: network namespaces joined by veth pairs. The root namespace is never touched.
// Plain JavaScript, as tools/test/run.mjs and tools/lab/shell.mjs use it before anything is compiled.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { deviceCommands, hostSysctls, hosts, links, plan, routes, sysctls } from './plan.mjs'

const namespaceFolder = '/run/netns'
const folderOf = id => join(tmpdir(), `${id}-`)
const namespaceName = (id, host) => `${id}-${host}`

function run(command, args, input) {
  return execFileSync(command, args, { encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'pipe'] })
}

function attempt(action) {
  try {
    return action()
  } catch {
    return undefined
  }
}

/** Why no laboratory can be made here, in words for a skipped test; undefined if one can. */
export function whyNoLab() {
  if (process.platform !== 'linux') return 'the laboratory needs Linux'
  if (process.getuid() !== 0) return 'the laboratory needs root'
  try {
    run('ip', ['-V'])
  } catch {
    return 'the laboratory needs the command "ip" (Debian package iproute2)'
  }
  const probe = namespaceName(`nv${process.pid}`, 'probe')
  try {
    run('ip', ['netns', 'add', probe])
    run('ip', ['-n', probe, 'link', 'add', 'probe0', 'type', 'veth', 'peer', 'name', 'probe1'])
    return undefined
  } catch (error) {
    return `network namespaces cannot be made here: ${String(error.stderr ?? error.message).trim()}`
  } finally {
    attempt(() => run('ip', ['netns', 'delete', probe]))
  }
}

/** How many laboratories this process has made. */
let made = 0

/**
 * Makes a laboratory, the first time after removing those of dead processes. It is removed when this process ends,
 * however it ends: by an exit handler, and by a janitor process for the ends no handler sees.
 */
export function makeLab() {
  const maker = `nv${process.pid}`
  if (made === 0) {
    removeStaleLabs()
    process.on('exit', () => removeLab(maker))
    startJanitor(maker)
  }
  const id = ++made === 1 ? maker : `${maker}-${made}`
  const folder = mkdtempSync(folderOf(id))
  const names = Object.fromEntries(hosts.map(host => [host, namespaceName(id, host)]))
  for (const name of Object.values(names)) run('ip', ['netns', 'add', name])
  writeResolvConf(names.router)
  for (const host of hosts) applySysctls(names[host], { ...sysctls, ...hostSysctls[host] })
  for (const link of links) addLink(names, link)
  const repairs = hosts.map(host => [names[host], deviceCommands(host)])
  for (const [host, commands] of Object.entries(routes)) repairs.push([names[host], commands])
  for (const [name, commands] of repairs) batch(name, commands)
  return labContext({ folder, names, repairs })
}

/** What the tests are handed in the environment variable NETVIA_LAB (test/lab/context.ts). */
export function labContext(run) {
  return { ...plan, ...run }
}

/** Kills what runs in the laboratories of a process and removes all that was made. Doing it twice does no harm. */
export function removeLab(id) {
  for (const name of namespacesOf(id)) {
    for (const pid of attempt(() => run('ip', ['netns', 'pids', name]).split('\n').filter(Boolean)) ?? []) {
      if (Number(pid) !== process.pid) attempt(() => process.kill(Number(pid), 'SIGKILL'))
    }
  }
  for (const name of namespacesOf(id)) {
    attempt(() => run('ip', ['netns', 'delete', name]))
    rmSync(join('/etc/netns', name), { recursive: true, force: true })
  }
  attempt(() => rmdirSync('/etc/netns'))
  for (const entry of readdirSync(tmpdir())) {
    if (entry.startsWith(`${id}-`)) rmSync(join(tmpdir(), entry), { recursive: true, force: true })
  }
}

function namespacesOf(id) {
  return (attempt(() => readdirSync(namespaceFolder)) ?? []).filter(name => name.startsWith(`${id}-`))
}

function removeStaleLabs() {
  const names = attempt(() => readdirSync(namespaceFolder)) ?? []
  for (const pid of new Set(names.map(name => /^nv(\d+)-/.exec(name)?.[1]).filter(Boolean))) {
    if (Number(pid) === process.pid || !existsSync(`/proc/${pid}`)) removeLab(`nv${pid}`)
  }
}

function startJanitor(id) {
  const janitor = spawn(process.execPath, [fileURLToPath(new URL('janitor.mjs', import.meta.url)), id], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  janitor.unref()
  janitor.stdin.unref?.()
}

/** `ip netns exec` mounts it over /etc/resolv.conf, for the namespace alone. */
function writeResolvConf(namespace) {
  const folder = join('/etc/netns', namespace)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'resolv.conf'), `nameserver ${plan.server.address4}\nsearch test\n`)
}

function applySysctls(namespace, settings) {
  const lines = Object.entries(settings).map(([name, { value, optional }]) => {
    const path = `/proc/sys/${name.replaceAll('.', '/')}`
    return optional ? `[ ! -w ${path} ] || echo '${value}' > ${path}` : `echo '${value}' > ${path}`
  })
  run('ip', ['netns', 'exec', namespace, 'sh', '-ec', lines.join('\n')])
}

function batch(namespace, commands) {
  run('ip', ['-n', namespace, '-batch', '-'], commands.join('\n'))
}

function addLink(names, [left, right]) {
  run('ip', [
    ...['-n', names[left.host], 'link', 'add', left.device, 'address', left.mac, 'type', 'veth'],
    ...['peer', 'name', right.device, 'address', right.mac, 'netns', names[right.host]],
  ])
}
