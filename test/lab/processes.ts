import { type ChildProcess, execFileSync, type StdioOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { atEnd } from './cleanup.js'
import { context, type Host } from './context.js'

const inside = (host: Host) => ['netns', 'exec', context.names[host]]

/** A prefix for commands that must not wait for the tested programs on a busy machine. nice(1) executes the command in its place. */
export const atOnce = ['nice', '-n', '-20'] as const

/** Runs a command in the namespace of `host` and returns its standard output. Throws if it fails. */
export function run(host: Host, command: string, ...args: string[]): string {
  return runWithInput(host, '', command, ...args)
}

export function runWithInput(host: Host, input: string, command: string, ...args: string[]): string {
  return execFileSync('ip', [...inside(host), command, ...args], { encoding: 'utf8', input, maxBuffer: 2 ** 26 })
}

/** Starts a command in the namespace of `host`. The end of the test (or of the file, outside a test) kills it. */
export function start(host: Host, command: string, ...args: string[]): ChildProcess {
  return startWith(['pipe', 'pipe', 'pipe'], host, command, ...args)
}

/** `ip netns exec` executes the command in its place, so the child is the command itself and has the given descriptors. */
export function startWith(stdio: StdioOptions, host: Host, command: string, ...args: string[]): ChildProcess {
  const child = spawn('ip', [...inside(host), command, ...args], { stdio })
  atEnd(() => stop(child))
  return child
}

export async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}

/** Waits until `child` listens on every port, without sending a packet. Throws if it ends first. */
export async function listening(
  child: ChildProcess,
  host: Host,
  sockets: 'tcp' | 'udp',
  ports: number[],
): Promise<void> {
  let errors = ''
  child.stderr?.on('data', text => {
    errors += text
  })
  for (;;) {
    const table = run(host, 'ss', '--no-header', '--listening', '--numeric', '--processes', `--${sockets}`)
    if (ports.every(port => new RegExp(`:${port}\\s.*pid=${child.pid},`).test(table))) return
    if (child.exitCode !== null) throw new Error(`${child.spawnargs.join(' ')} ended: ${errors}`)
    await sleep(20)
  }
}
