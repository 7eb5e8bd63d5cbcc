import type { Command } from 'commander'
import type { Exit } from './exit-code.js'
import type { Interrupt } from './interrupt.js'
import { Output } from './output/output.js'

/** One run of a subcommand: where it writes, and when it must end. */
export interface Session {
  readonly output: Output
  readonly signal: AbortSignal
  /** Calls `work` at SIGHUP. Only for an `action` that reloads. */
  onHangUp(work: () => void): void
  /** From now on neither signals nor output that nobody reads end anything: `pass` gets the names of the signals. */
  passSignals(pass: (name: NodeJS.Signals) => void): void
  /** From now on output that can't be written is lost, because a full disk or a slow reader must not end a service. */
  outliveOutput(): void
  /** The whole command, for completion and the manual page. */
  readonly program: Command
}

type Run<Arguments extends unknown[], Flags> = (
  session: Session,
  flags: Flags,
  ...args: Arguments
) => Promise<Exit | number>

/** Set by `main`, because commander passes its actions nothing else. */
export interface CommandState {
  interrupt: Interrupt
  /** The exit code of netvia, or of the program that `netvia run` started. */
  exit: Exit | number
  outlivesOutput: boolean
  /** Signals are for a program that netvia runs. */
  passesSignals: boolean
  /** Nobody reads the output of a service any more. */
  isUnread: boolean
}

/**
 * An action for commander. It loads the subcommand's code when it runs, and keeps its exit code. `reloads`: SIGHUP doesn't end it, not even
 * during its start.
 */
export function action<Arguments extends unknown[], Flags extends { json?: boolean }>(
  state: CommandState,
  load: () => Promise<{ run: Run<Arguments, Flags> }>,
  { reloads = false } = {},
): (this: Command, ...given: unknown[]) => Promise<void> {
  return async function (this: Command) {
    if (reloads) state.interrupt.keepHangUp()
    const flags = this.opts<Flags>()
    const output = new Output(this.name(), flags.json ?? false)
    const { run } = await load()
    state.exit = await run(
      {
        output,
        signal: state.interrupt.signal,
        onHangUp: work => state.interrupt.divertHangUp(work),
        passSignals: pass => {
          state.passesSignals = true
          state.interrupt.pass(pass)
        },
        outliveOutput: () => {
          state.outlivesOutput = true
          output.serve()
        },
        program: this.parent!,
      },
      flags,
      ...(this.processedArgs as Arguments),
    )
  }
}
