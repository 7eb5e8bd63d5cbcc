import type { Command, Option } from 'commander'
import { choicesOf, kindOf, listDevices, namesOf, optionsOf } from './describe.js'

export function bashCompletion(program: Command): string {
  const cases = program.commands.flatMap(command => optionsOf(command).flatMap(option => valueCase(command, option)))
  const words = program.commands.map(command => {
    const all = [...choicesOf(command), ...optionsOf(command).flatMap(namesOf), '-h', '--help']
    return `        ${command.name()}) words='${all.join(' ')}' ;;`
  })
  return `# bash completion for netvia: source it, or save it as /usr/share/bash-completion/completions/netvia
_netvia() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} words=
  COMPREPLY=()
  # Of --option=value bash makes three words.
  if [[ $current == = ]]; then current=
  elif [[ $previous == = ]]; then previous=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  if ((COMP_CWORD == 1)); then
    words='${program.commands.map(command => command.name()).join(' ')} --help --version'
  else
    case \${COMP_WORDS[1]}:$previous in
${cases.join('\n')}
      *) case \${COMP_WORDS[1]} in
${words.join('\n')}
      esac ;;
    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _netvia netvia
`
}

/** What follows an option that takes a value. */
function valueCase(command: Command, option: Option): string[] {
  if (!option.required) return []
  const pattern = namesOf(option)
    .map(name => `${command.name()}:${name}`)
    .join(' | ')
  return [`      ${pattern}) ${offer(option)} ;;`]
}

function offer(option: Option): string {
  if (option.argChoices) return `words='${option.argChoices.join(' ')}'`
  switch (kindOf(option)) {
    case 'device':
      return `words=$(${listDevices})`
    case 'file':
      return 'mapfile -t COMPREPLY < <(compgen -f -- "$current"); return'
    default:
      return 'return'
  }
}
