import { type Command, InvalidArgumentError, Option } from 'commander'
import { port } from '../../options.js'
import { type RecordType, recordTypes } from '../../protocols/dns/records.js'
import { dnsServer } from '../../protocols/dns/server-address.js'
import { numeric, several, text } from '../shared/arguments.js'
import { refuseFlags } from '../shared/familiar.js'
import { addCheckTimeout, addCount, addOutputOptions, addServers } from '../shared/options.js'
import { addPathOptions } from '../shared/path-options.js'
import { action, type CommandState } from '../shared/session.js'

export function defineDns(program: Command, state: CommandState): void {
  const command = program
    .command('dns')
    .description('look up records, asking name servers through the device')
    .argument(
      '<name...>',
      'what to look up; as in dig, @server names the server, MX and the like are the type, +short prints only the data',
      several(nameOrServer),
    )
    .addOption(
      new Option('-t, --type <type>', 'record type (default: A); every other word is then a name')
        .choices(recordTypes)
        .argParser(recordType),
    )
    .addOption(new Option('-x, --reverse', 'look up the names of addresses (PTR)').conflicts('type'))
    .option('-p, --port <number>', 'port of the @server', numeric(port))
    .option('--expect <data>', 'what the answers must contain; may be given again', several(String))
  addCount(command)
  addCheckTimeout(command, 'time for everything together')
  addServers(command)
  addPathOptions(command, { source: 'b' })
  addOutputOptions(command, 'print nothing, only set the exit code')
  refuseFlags(command, 'dig', {
    '-4': 'choose the server by its address, as @192.0.2.53; type A looks up IPv4 addresses',
    '-6': 'choose the server by its address, as @2001:db8::53; type AAAA looks up IPv6 addresses',
    '-f': 'give the names as arguments',
    '-k': 'netvia signs no questions',
    '-y': 'netvia signs no questions',
  })
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
