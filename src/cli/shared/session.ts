import type { Command } from 'commander'
import type { Exit } from './exit-code.js'
import type { Interrupt } from './interrupt.js'
import { Output } from './output/output.js'

/** One run of a subcommand: where it writes to, and when it has to end. */
export interface Session {
  readonly output: Output
  readonly signal: AbortSignal
  /** Calls `work` at SIGHUP, which then no longer ends the work. */
  onHangUp(work: () => void): void
  /** From now on signals end nothing: `pass` gets their names. */
  passSignals(pass: (name: NodeJS.Signals) => void): void
  /** From now on output that can't be written is lost, and ends nothing: a full disk must not end a service. */
  outliveOutput(): void
  /** The whole command, for what describes it. */
  readonly program: Command
}

type Run<Arguments extends unknown[], Flags> = (
  session: Session,
  flags: Flags,
  ...args: Arguments
) => Promise<Exit | number>

/** Set by `main`: what an action of commander can't be handed. */
export interface CommandState {
  interrupt: Interrupt
  /** Exit, or what the program of `netvia run` ended with. */
  exit: Exit | number
  outlivesOutput: boolean
}

/** Commander's action: loads the subcommand's code only now, runs it, and keeps its exit code. */
export function action<Arguments extends unknown[], Flags extends { json?: boolean }>(
  state: CommandState,
  load: () => Promise<{ run: Run<Arguments, Flags> }>,
): (this: Command, ...given: unknown[]) => Promise<void> {
  return async function (this: Command) {
    const flags = this.opts<Flags>()
    const output = new Output(this.name(), flags.json ?? false)
    const { run } = await load()
    state.exit = await run(
      {
        output,
        signal: state.interrupt.signal,
        onHangUp: work => state.interrupt.divertHangUp(work),
        passSignals: pass => state.interrupt.pass(pass),
        outliveOutput: () => {
          state.outlivesOutput = true
        },
        program: this.parent!,
      },
      flags,
      ...(this.processedArgs as Arguments),
    )
  }
}
