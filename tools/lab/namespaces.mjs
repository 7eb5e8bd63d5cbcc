// Network namespaces joined by veth pairs: the parts of every laboratory. The root namespace is never touched.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const namespaceFolder = '/run/netns'
const namespaceName = (id, host) => `${id}-${host}`

export function run(command, args, input) {
  return execFileSync(command, args, { encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'pipe'], maxBuffer: 2 ** 26 })
}

function attempt(action) {
  try {
    return action()
  } catch {
    return undefined
  }
}

/** The reason why no laboratory can be created here, worded for a skipped test. Undefined if one can. */
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

/** The number of laboratories that this process has created. */
let made = 0

/**
 * Creates a namespace for each host. The first call also removes the namespaces of dead processes. However this process
 * ends, the namespaces and all files with their id are removed: by an exit handler, or by a janitor process if no handler runs.
 */
export function makeNamespaces(hosts) {
  const maker = `nv${process.pid}`
  if (made === 0) {
    removeStaleLabs()
    process.on('exit', () => removeLab(maker))
    startJanitor(maker)
  }
  const id = ++made === 1 ? maker : `${maker}-${made}`
  const names = Object.fromEntries(hosts.map(host => [host, namespaceName(id, host)]))
  for (const name of Object.values(names)) run('ip', ['netns', 'add', name])
  return { id, names }
}

/** Kills all processes in the laboratories of one process, and removes namespaces and files. A second call does no harm. */
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

/** `optional` settings don't exist on every kernel, or not in every namespace. */
export function applySysctls(namespace, settings) {
  const lines = Object.entries(settings).map(([name, { value, optional }]) => {
    const path = `/proc/sys/${name.replaceAll('.', '/')}`
    return optional ? `[ ! -w ${path} ] || echo '${value}' > ${path}` : `echo '${value}' > ${path}`
  })
  run('ip', ['netns', 'exec', namespace, 'sh', '-ec', lines.join('\n')])
}

/** Runs `ip` commands in a namespace. */
export function batch(namespace, commands) {
  run('ip', ['-n', namespace, '-batch', '-'], commands.join('\n'))
}

/** Connects two devices, each `{ namespace, device, mac }`, by a veth pair. */
export function addLink(left, right) {
  const end = ({ device, mac }) => ['name', device, 'address', mac]
  const peer = ['type', 'veth', 'peer', ...end(right), 'netns', right.namespace]
  run('ip', ['-n', left.namespace, 'link', 'add', ...end(left), ...peer])
}

/** Starts a server, which ends with this process, and waits until it prints "ready". Returns a function that ends it earlier. */
export async function startServer([command, ...args]) {
  // In a process group of its own, so a Ctrl-C in the laboratory's shell doesn't reach it.
  const server = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  process.on('exit', () => server.kill('SIGKILL'))
  const [text] = await Promise.race([
    once(server.stdout, 'data'),
    once(server, 'exit').then(([code]) => Promise.reject(new Error(`${args.join(' ')} exited with code ${code}`))),
  ])
  if (!String(text).startsWith('ready')) throw new Error(`${args.join(' ')} printed ${text} instead of "ready"`)
  server.unref()
  server.stdout.unref?.()
  return async () => {
    server.ref()
    const exit = once(server, 'exit')
    server.kill('SIGKILL')
    await exit
  }
}
