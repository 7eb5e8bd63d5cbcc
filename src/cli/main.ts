#!/usr/bin/env node
import { closeSync, readFileSync } from 'node:fs'
import { isatty } from 'node:tty'
import { CommanderError } from 'commander'
import { pause } from '../runtime/timers.js'
import { nextTurn } from '../runtime/turns.js'
import { makeProgram } from './program.js'
import { Exit, exitOf } from './shared/exit-code.js'
import { Interrupt } from './shared/interrupt.js'
import { escapeControls, escapeControlsLines } from './shared/output/escape.js'
import { jsonLine } from './shared/output/json.js'
import type { CommandState } from './shared/session.js'

/** Milliseconds for the reader of a service's last lines. */
const patience = 1000

const terminals = [0, 1, 2].filter(fd => isatty(fd))

const state: CommandState = {
  interrupt: new Interrupt(),
  exit: Exit.good,
  outlivesOutput: false,
  passesSignals: false,
  isUnread: false,
}

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever read it has seen enough, as `head` does; or the terminal is gone.
    const isUnread = error.code === 'EPIPE' || (error.code === 'EIO' && stream.isTTY)
    if (!state.outlivesOutput) {
      if (isUnread) end(state.exit)
      throw error
    }
    // A program that netvia runs goes on without its messages.
    if (!isUnread || state.passesSignals) return
    // The log daemon is gone. The service manager can start netvia again, with a new one.
    state.isUnread = true
    state.interrupt.end()
  })
}

// A fault of the program is no verdict on the network.
process.on('uncaughtException', error => process.exit(report(error)))

run().then(end, error => end(report(error)))

/**
 * Node would give the terminal back the modes that it found, which a program or the shell may have changed since, and Node 20 would abort where
 * the terminal is gone by now.
 */
function end(exit: number): never {
  for (const fd of terminals) closeSync(fd)
  process.exit(exit)
}

/** With a function of its own: what the command is compiled to has no `await` outside of one. */
async function run(): Promise<number> {
  try {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
    const program = await makeProgram(version, state, process.argv[2])
    await program.parseAsync()
  } catch (error) {
    // What aborts the work at Ctrl-C is no failure of it; commander has said what is wrong already.
    if (error instanceof CommanderError) state.exit = error.exitCode === 0 ? Exit.good : Exit.usage
    else if (!state.interrupt.signal.aborted) state.exit = report(error)
  }
  await flushed()
  state.interrupt.finish()
  return state.isUnread ? Exit.local : state.exit
}

/** What was printed may still wait for a slow reader of a pipe. A service that ends doesn't wait for one that has stopped. */
async function flushed(): Promise<void> {
  const waiting = [process.stdout, process.stderr].filter(stream => stream.writableLength > 0)
  const all = Promise.all(waiting.map(stream => new Promise(resolve => stream.write('', resolve))))
  await (state.outlivesOutput ? Promise.race([all, pause(patience)]) : all)
  // Errors of files are reported a turn later.
  await nextTurn()
}

function report(error: unknown): Exit {
  const exit = exitOf(error)
  const { message, stack, code } = error as NodeJS.ErrnoException
  if (process.argv.includes('--json')) {
    process.stdout.write(`${jsonLine(process.argv[2] ?? '', 'error', { error })}\n`)
  }
  // Without a code it is a fault of the program: where it happened helps to fix it. Bad usage may take several lines.
  const written = code === undefined || exit === Exit.usage ? escapeControlsLines : escapeControls
  process.stderr.write(`netvia: ${written(code === undefined ? stack! : message)}\n`)
  return exit
}
