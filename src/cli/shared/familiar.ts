import type { EventEmitter } from 'node:events'
import { type Command, Option } from 'commander'
import { usageError } from './arguments.js'

/** Another tool's spelling of an option. It sets `fixed`, or the value that it takes. */
export function addAlias(command: Command, flags: string, option: string, description: string, fixed?: string): void {
  const alias = new Option(flags, description)
  command.addOption(alias)
  command.on(`option:${alias.name()}`, (value?: string) => {
    // Its types leave out that it is one.
    ;(command as unknown as EventEmitter).emit(`option:${option}`, fixed ?? value)
  })
}

/** Flags of that tool that this subcommand can't honour. Each is refused by name, with what to use instead. */
export function refuseFlags(command: Command, tool: string, flags: Readonly<Record<string, string>>): void {
  for (const [flag, instead] of Object.entries(flags)) {
    const refuse = () => {
      throw usageError(`${command.name()}: ${flag} of ${tool} is not available; ${instead}`)
    }
    command.addOption(new Option(flag).hideHelp().argParser(refuse))
  }
}

/** Flags of that tool that commander can't parse as options, such as `-oG`. */
export function addSpellings(command: Command, spellings: Readonly<Record<string, string>>): void {
  const parse = command.parseOptions.bind(command)
  command.parseOptions = words => parse(words.map(word => spellings[word] ?? word))
}
