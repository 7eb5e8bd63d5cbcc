import type { Command, Option } from 'commander'
import { choicesOf, kindOf, listDevices, optionsOf } from './describe.js'

export function fishCompletion(program: Command): string {
  const lines = program.commands.flatMap(command => {
    const seen = `complete -c netvia -n '__fish_seen_subcommand_from ${command.name()}'`
    const choices = choicesOf(command)
    return [
      `complete -c netvia -n __fish_use_subcommand -a ${command.name()} -d ${quote(command.description())}`,
      ...(choices.length ? [`${seen} -a ${quote(choices.join(' '))}`] : []),
      ...optionsOf(command).map(option => `${seen} ${optionWords(option)}`),
    ]
  })
  return `# fish completion for netvia: save it as ~/.config/fish/completions/netvia.fish
complete -c netvia -f
${lines.join('\n')}
`
}

function optionWords(option: Option): string {
  const { short, long, required, description } = option
  const words = []
  if (short) words.push(`-s ${short.slice(1)}`)
  if (long) words.push(`-l ${long.slice(2)}`)
  if (required) words.push(offer(option))
  return [...words, `-d ${quote(description)}`].join(' ')
}

function offer(option: Option): string {
  if (option.argChoices) return `-x -a ${quote(option.argChoices.join(' '))}`
  return { device: `-x -a ${quote(`(${listDevices})`)}`, file: '-r -F', other: '-x' }[kindOf(option)]
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
