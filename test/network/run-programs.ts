import { spawn } from 'node:child_process'
import { collect, command, type Ended } from '../unit/cli-process.js'

/** A user without rights, as most are who run programs. */
export const asNobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps=-all']

export interface RunOptions {
  before?: readonly string[]
  flags?: readonly string[]
  device?: string
  /** Instead of a device. */
  config?: string
  input?: string
  env?: NodeJS.ProcessEnv
}

/** `netvia run` of a program, by a user without rights unless `before` says otherwise. */
export function run(words: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const child = beginRun(words, options)
  child.stdin.end(options.input ?? '')
  return collect(child)
}

/** The same while it runs: its standard input is open. */
export function beginRun(words: readonly string[], options: RunOptions = {}) {
  const { before = asNobody, flags = [], device = 'wan2', config, env = {} } = options
  const path = config === undefined ? ['-I', device] : ['-c', config]
  const [first, ...rest] = [...before, process.execPath, command, 'run', ...path, ...flags, '--', ...words]
  return spawn(first!, rest, { env: { ...process.env, LC_ALL: 'C', ...env } })
}

const prelude = `
import ctypes, os, socket, struct, sys, time
c = ctypes.CDLL(None, use_errno=True)
def device(s): return s.getsockopt(1, 25, 16).split(b'\\0')[0].decode()
def udp(): return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def index(name): return struct.pack('i8x', socket.if_nametoindex(name))
def attempt(work):
  try: work()
  except OSError as error: return error.strerror
  return 'done'
`

/** Python with short names for sockets; what it prints is in `stdout`. */
export function python(script: string): string[] {
  return ['python3', '-c', prelude + script]
}
