#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { CommanderError } from 'commander'
import { Exit, exitOf } from './exit-code.js'
import { Interrupt } from './interrupt.js'
import { harmless, harmlessLines } from './output/harmless.js'
import { jsonLine } from './output/json.js'
import { makeProgram } from './program.js'
import type { Ends } from './session.js'

const ends: Ends = { interrupt: new Interrupt(), exit: Exit.good }

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever read it has seen enough, as `head` does.
    if (error.code === 'EPIPE') process.exit(ends.exit)
    // The terminal is gone.
    if (error.code === 'EIO') process.exit(ends.exit)
    throw error
  })
}

// A fault of the program is no verdict on the network.
process.on('uncaughtException', error => process.exit(report(error)))

run().then(
  exit => process.exit(exit),
  error => process.exit(report(error)),
)

/** With a function of its own: what the command is compiled to has no `await` outside of one. */
async function run(): Promise<Exit> {
  try {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
    await makeProgram(version, ends).parseAsync()
  } catch (error) {
    // What aborts the work at Ctrl-C is no failure of it; commander has said what is wrong already.
    if (error instanceof CommanderError) ends.exit = error.exitCode === 0 ? Exit.good : Exit.usage
    else if (!ends.interrupt.signal.aborted) ends.exit = report(error)
  }
  ends.interrupt.finish()
  return ends.exit
}

function report(error: unknown): Exit {
  const exit = exitOf(error)
  const { message, stack, code } = error as NodeJS.ErrnoException
  if (process.argv.includes('--json')) {
    process.stdout.write(`${jsonLine(process.argv[2] ?? '', 'error', { error })}\n`)
  }
  // Without a code it is a fault of the program: where it happened helps to mend it. Bad usage may be told in several lines.
  const written = code === undefined || exit === Exit.usage ? harmlessLines : harmless
  process.stderr.write(`netvia: ${written(code === undefined ? stack! : message)}\n`)
  return exit
}
