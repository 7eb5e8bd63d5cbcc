import { existsSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { addon } from '../../binding/addon.js'
import { NetviaError } from '../../errors.js'
import type { PolicyName } from '../../group/policies.js'
import { type ConfinedProgram, type Refused, requireDevice, startConfined } from '../../system/confined-program.js'
import { usageError } from '../shared/arguments.js'
import { Exit } from '../shared/exit-code.js'
import { plural } from '../shared/output/format.js'
import type { Session } from '../shared/session.js'
import { Uplinks } from './uplinks.js'

export interface RunFlags {
  device?: string
  config?: string
  policy?: PolicyName
  cutConnections: boolean
  verbose?: boolean
  localResolver?: boolean
  json?: never
}

/** As env(1) has them. */
const notExecutable = 126
const notFound = 127

/** Different refusals that are reported. A program can name new addresses forever, and give itself new names. */
const mostSaid = 1000

/** The terminal sends these to the foreground's process group, so to the program as well. */
const ofTerminal: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']

export async function run(session: Session, flags: RunFlags, program: string, words: string[]): Promise<Exit | number> {
  checkFlags(flags)
  const uplinks = flags.config === undefined ? undefined : watch(session, flags, [program, ...words].join(' '))
  try {
    await uplinks?.start(session.signal)
    return session.signal.aborted ? Exit.good : await runOver(session, flags, [program, ...words], uplinks)
  } finally {
    await uplinks?.stop()
  }
}

function checkFlags({ device, config, policy, cutConnections, verbose }: RunFlags): void {
  if ((device === undefined) === (config === undefined))
    throw usageError('name a device by -I, or the file of the uplinks by -c, before the program')
  if (policy !== undefined && config === undefined)
    throw usageError('--policy chooses among the uplinks of --config: give that too')
  if (!cutConnections && config === undefined)
    throw usageError('--no-cut-connections is for the uplinks of --config: give that too')
  if (verbose && config === undefined) throw usageError('--verbose reports on the uplinks of --config: give that too')
  // A wrong name ends the command before the program starts.
  if (device !== undefined) requireDevice(device)
}

function watch({ output }: Session, flags: RunFlags, key: string): Uplinks {
  const { config, policy = 'failover', cutConnections: cut, verbose } = flags
  const report = (text: string) => verbose && output.note(`netvia: ${text}`)
  return new Uplinks(
    config!,
    { policy, key, cut },
    {
      changed: ({ uplink, from, to, reason }) => report(`${uplink}: ${from} -> ${to} (${reason})`),
      cut: (uplink, count) => report(`${uplink}: reset ${plural(count, 'connection')}`),
      warned: ({ message }) => output.note(`netvia: warning: ${message}`),
    },
  )
}

async function runOver(
  session: Session,
  { device, localResolver = false }: RunFlags,
  words: readonly [string, ...string[]],
  uplinks: Uplinks | undefined,
): Promise<Exit | number> {
  const said = new Set<string>()
  const onRefused = (refused: Refused) => {
    // Programs look for nscd on machines that have none.
    if (refused.reason === 'name-service' && !existsSync(refused.address!)) return
    const text = describe(refused, uplinks?.whyNone)
    if (said.size === mostSaid || said.has(text)) return
    said.add(text)
    session.output.note(`netvia: ${text}`)
    if (said.size === mostSaid) session.output.note('netvia: no more refusals are reported')
  }
  // Without netvia the program has no sockets.
  session.outliveOutput()
  let started: ConfinedProgram | undefined
  // Set up before the program starts, because a signal may follow its first output immediately.
  session.passSignals(name => {
    if (started && !(ofTerminal.includes(name) && isForeground())) process.kill(started.pid, name)
  })
  try {
    started = startConfined(words, uplinks?.devices ?? [device!], localResolver, onRefused)
    uplinks?.lead(started)
  } catch (error) {
    const exit = exitOfStart(error, words[0])
    if (exit === undefined) throw error
    session.output.note(`netvia: ${(error as Error).message}`)
    return exit
  }
  const status = await started.ended
  // Its pid may be another process's now.
  started = undefined
  return status < 256 ? status : endAs(session, status - 256)
}

function isForeground(): boolean {
  // The name of the process may contain spaces and brackets.
  const [, , group, , , foreground] = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return group === foreground
}

function exitOfStart(error: unknown, program: string): number | undefined {
  if (!(error instanceof NetviaError) || error.syscall !== program) return undefined
  return error.code === 'ENOENT' ? notFound : notExecutable
}

/** Ends as the program did, so that the shell sees the same. */
function endAs(session: Session, signal: number): number {
  if (signal === constants.signals.SIGSYS) {
    session.output.note(
      'netvia: the kernel killed the program for a system call: one of another ABI (32-bit, x32), which netvia refuses, ' +
        'or one that a filter of its own refuses',
    )
  }
  addon().endBySignal(signal)
  // As process 1 of a container, which no signal ends.
  return 128 + signal
}

function describe({ reason, program, address, device }: Refused, whyNone = ''): string {
  const who = `${program || 'a hidden process'}: refused`
  const allow = 'name other servers in /etc/resolv.conf, or allow it with --local-resolver'
  switch (reason) {
    case 'resolver':
      return `${who} a DNS question to ${address}, a resolver that chooses its own route; ${allow}`
    case 'name-service':
      return `${who} a question to ${address}, a name service that chooses its own route; ${allow}`
    case 'other-device':
      return `${who} a packet or an address that names another device than ${device ?? 'its own'} (IP_PKTINFO, or a zone)`
    case 'no-device':
      return `${who} a socket: there is no device ${device}`
    case 'no-uplink':
      return `${who} a socket: ${whyNone}`
    case 'unreadable':
      return (
        `${who} an address or a socket that netvia can't read: the kernel hides this process; ` +
        'in a container netvia may need CAP_SYS_PTRACE'
      )
  }
}
