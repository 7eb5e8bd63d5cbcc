import type { Command } from 'commander'
import { Exit } from '../shared/exit-code.js'
import type { Session } from '../shared/session.js'

/** The manual page, in the macros of man(7). */
export async function run({ program }: Session): Promise<Exit> {
  process.stdout.write(`${manualPage(program).join('\n')}\n`)
  return Exit.good
}

function manualPage(program: Command): string[] {
  return [
    `.TH NETVIA 1 "" "netvia ${program.version()}" "User Commands"`,
    '.SH NAME',
    `netvia \\- ${lowerFirst(roff(program.description().replace(/\.$/, '')))}`,
    '.SH SYNOPSIS',
    ...program.commands.flatMap(command => ['.B netvia', roff(`${command.name()} ${command.usage()}`), '.br']),
    '.SH DESCRIPTION',
    ...paragraphs.map(text => `.PP\n${roff(text)}`),
    '.SH COMMANDS',
    ...program.commands.flatMap(commandSection),
    '.SH EXIT STATUS',
    ...statuses.flatMap(([code, meaning]) => ['.TP', `.B ${code}`, roff(meaning)]),
    '.PP',
    roff('Where several apply, the highest counts. Ended by a signal, it ends by that signal, after its summary.'),
    '.SH ENVIRONMENT',
    ...environment.flatMap(([name, meaning]) => ['.TP', `.B ${name}`, roff(meaning)]),
    '.SH EXAMPLES',
    ...examples.flatMap(([line, meaning]) => ['.TP', `.B ${roff(line)}`, roff(meaning)]),
    '.SH SEE ALSO',
    '.BR ping (8),',
    '.BR fping (8),',
    '.BR traceroute (1),',
    '.BR capabilities (7)',
  ]
}

function commandSection(command: Command): string[] {
  const value = (text: string) => roff(text)
  return [
    `.SS ${roff(`${command.name()} ${command.usage()}`)}`,
    `${roff(command.description())}.`,
    ...command.registeredArguments.flatMap(argument => [
      '.TP',
      `.I ${value(argument.name())}`,
      value(argument.description),
    ]),
    ...command.options.flatMap(({ flags, description, argChoices, defaultValueDescription, defaultValue, hidden }) => {
      if (hidden) return []
      const choices = argChoices && `one of ${argChoices.join(', ')}`
      const preset = defaultValue === undefined ? undefined : `default ${defaultValueDescription ?? defaultValue}`
      return ['.TP', `.B ${value(flags)}`, value([description, choices, preset].filter(Boolean).join('; '))]
    }),
  ]
}

const paragraphs = [
  'Every packet of a check goes out through the network device named with -I, name resolution included. If the device does not work, the check fails. A source address alone does not choose the device: the routing table does.',
  'With several -I, netvia does the same through each device at the same time, and shows the results side by side in one table.',
  'Times are in seconds as in ping, in milliseconds where fping has it so; a unit may be given: 300ms, 2s, 1m.',
]

const statuses = [
  ['0', 'all good'],
  ['1', 'something is unreachable, or did not answer as expected'],
  ['2', 'a name was not found'],
  ['3', 'bad usage'],
  ['4', 'a local failure: no such device, no permission'],
] as const

const environment = [
  ['NO_COLOR', 'if set, no colours'],
  ['FORCE_COLOR', 'if set, colours in a pipe too'],
  ['COLUMNS', 'width of the output; tables that are wider leave out columns, then become lists'],
] as const

const examples = [
  ['netvia http -I wan1 -I wan2 https://example.org/', 'compares two uplinks'],
  ['netvia ping -I wan2 -c 5 192.0.2.1', 'five echo requests, all out of wan2'],
  ['netvia sweep -a 192.0.2.0/24', 'who answers in a network'],
  ['netvia doctor', 'what works here, and how to get what does not'],
] as const

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

/** Text that troff prints as it is. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('…', '...')
    .replaceAll(
      /[^ -~\n]/gu,
      character => `\\[u${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`,
    )
    .replaceAll(/^([.'])/gm, '\\&$1')
}
