import { type Command, InvalidArgumentError, Option } from 'commander'
import { type RecordType, recordTypes } from '../../protocols/dns/records.js'
import { dnsServer } from '../../protocols/dns/server-address.js'
import { several, text } from '../shared/arguments.js'
import { addCount, addOutputOptions, addServers, addTimeout } from '../shared/options.js'
import { addPathOptions } from '../shared/path-options.js'
import { action, type CommandState } from '../shared/session.js'

export function defineDns(program: Command, state: CommandState): void {
  const command = program
    .command('dns')
    .description('ask name servers')
    .argument(
      '<name...>',
      'what to ask for; as in dig @server asks that server, and MX and the like are the type',
      several(nameOrServer),
    )
    .addOption(
      new Option('-t, --type <type>', 'record type (default: A); then all that is given is a name')
        .choices(recordTypes)
        .argParser(recordType),
    )
    .addOption(new Option('-x, --reverse', 'the names of addresses, as -t PTR').conflicts('type'))
    .option('--expect <data>', 'what must be among the answers; may be given again', several(String))
  addCount(command)
  addTimeout(command, 'time for everything together', 5)
  addServers(command)
  addPathOptions(command)
  addOutputOptions(command, 'nothing but the exit code')
  command.action(action(state, () => import('./run.js')))
}

function nameOrServer(word: string): string {
  if (word.startsWith('@')) text(dnsServer)(word.slice(1))
  return word
}

function recordType(value: string): RecordType {
  const type = value.toUpperCase() as RecordType
  if (!recordTypes.includes(type)) throw new InvalidArgumentError(`it must be one of ${recordTypes.join(', ')}`)
  return type
}
