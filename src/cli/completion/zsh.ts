import type { Command, Option } from 'commander'
import { choicesOf, isRepeatable, kindOf, namesOf, optionsOf, valueName } from './describe.js'

export function zshCompletion(program: Command): string {
  const commands = program.commands.map(
    command => `    ${quote(`${command.name()}:${command.description().replaceAll(':', '\\:')}`)}`,
  )
  const cases = program.commands.map(command => {
    const specs = [
      ...optionsOf(command).map(optionSpec),
      "'(-h --help)'{-h,--help}'[show help]'",
      ...argumentSpecs(command),
    ]
    return `    ${command.name()}) _arguments -s ${specs.join(' \\\n      ')} ;;`
  })
  return `#compdef netvia
# zsh completion for netvia: save it as _netvia in a folder of $fpath
_netvia() {
  local -a commands=(
${commands.join('\n')}
  )
  if ((CURRENT == 2)); then
    _describe -t commands command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
${cases.join('\n')}
  esac
}
# Found in $fpath, the file itself is the function; sourced, it only defines it.
if [[ $funcstack[1] == _netvia ]]; then _netvia "$@"; else compdef _netvia netvia; fi
`
}

function optionSpec(option: Option): string {
  const names = namesOf(option)
  const exclusive = isRepeatable(option) ? "'*'" : `'(${names.join(' ')})'`
  // A value may follow -I in the same word, and --device after "=".
  const taken = names.map(name => (option.required ? `${name}${name.startsWith('--') ? '=' : '+'}` : name))
  const shown = taken.length > 1 ? `{${taken.join(',')}}` : taken[0]
  const value = option.required ? `:${escapeSpec(valueName(option))}:${offer(option)}` : ''
  return `${exclusive}${shown}${quote(`[${escapeSpec(option.description)}]${value}`)}`
}

function argumentSpecs(command: Command): string[] {
  const choices = choicesOf(command)
  return command.registeredArguments.map(argument => {
    const offered = argument.argChoices || command.name() === 'help' ? `(${choices.join(' ')})` : '_hosts'
    return quote(`${argument.variadic ? '*' : ''}:${argument.name()}:${offered}`)
  })
}

function offer(option: Option): string {
  if (option.argChoices) return `(${option.argChoices.join(' ')})`
  return { device: '_net_interfaces', file: '_files', other: ' ' }[kindOf(option)]
}

function escapeSpec(text: string): string {
  return text.replaceAll(/[[\]:\\]/g, '\\$&')
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
