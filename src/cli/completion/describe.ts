import type { Command, Option } from 'commander'

/** Shell command that lists the network devices. */
export const listDevices = 'command ls /sys/class/net'

/** Without those that exist only to be refused. */
export function optionsOf({ options }: Command): Option[] {
  return options.filter(({ hidden }) => !hidden)
}

export function namesOf({ short, long }: Option): string[] {
  return [short, long].filter(name => name !== undefined)
}

/** Words that a subcommand takes as arguments; `help` takes the subcommands. */
export function choicesOf(command: Command): readonly string[] {
  if (command.name() === 'help') return command.parent!.commands.map(other => other.name())
  return command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? [])
}

/** What a shell can offer for the option's value. */
export function kindOf({ long, flags }: Option): 'device' | 'file' | 'other' {
  if (long === '--device' || long === '--interface') return 'device'
  return /<file>/.test(flags) ? 'file' : 'other'
}

/** `seconds` of `-W, --timeout <seconds>`. */
export function valueName({ flags }: Option): string {
  return /<([^>]+)>/.exec(flags)?.[1] ?? ''
}

/** The help says so of each such option. */
export function isRepeatable({ description }: Option): boolean {
  return description.includes('may be given again')
}
