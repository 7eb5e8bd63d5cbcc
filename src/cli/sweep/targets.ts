import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { isIP } from '../../builtins.js'
import { invalidArgument } from '../../errors.js'
import { usageError } from '../shared/arguments.js'
import type { SweepFlags } from './run.js'

/** What a sweep is asked to look at: the command line, a file, or standard input, where nothing is read ahead of need. */
export function targetsOf(flags: SweepFlags, given: string[]): Iterable<string> | AsyncIterable<string> {
  if (flags.file !== undefined && given.length) {
    throw invalidArgument('sweep: targets', given.join(' '), 'left out with -f/--file')
  }
  if (flags.generate) {
    if (given.length === 1 && /[/-]/.test(given[0]!)) return given
    if (given.length === 2 && given.every(isIP)) return [given.join('-')]
    throw invalidArgument('sweep: targets of -g/--generate', given.join(' '), 'a block, or first and last address')
  }
  if (given.length) return given
  // As in fping: without targets they are read from standard input, but not from a keyboard by surprise.
  if (flags.file === undefined && process.stdin.isTTY) {
    throw usageError('sweep: targets are needed, or -f/--file')
  }
  return linesOf(flags.file ?? '-')
}

async function* linesOf(file: string): AsyncGenerator<string> {
  const input = file === '-' ? process.stdin : createReadStream(file)
  let none = true
  for await (const line of createInterface({ input })) {
    const words = line.replace(/#.*/, '').trim().split(/\s+/).filter(Boolean)
    none &&= words.length === 0
    yield* words
  }
  // A list that went wrong on its way here is not "all good".
  if (none) throw usageError(`sweep: no targets in ${file === '-' ? 'standard input' : file}`)
}
