import { type Command, Option } from 'commander'
import { integer, number } from '../../options.js'
import { numeric, time } from '../shared/arguments.js'
import { addFamilyOptions, addOutputOptions } from '../shared/options.js'
import { addPathOptions } from '../shared/path-options.js'
import { action, type CommandState } from '../shared/session.js'

export function defineSweep(program: Command, state: CommandState): void {
  const command = program
    .command('sweep')
    .description('one echo request to each of many hosts')
    .argument('[targets...]', 'names, addresses, blocks (192.0.2.0/24), ranges (192.0.2.1-192.0.2.9)')
    .option('-a, --alive', 'print only those that answer, bare')
    .addOption(new Option('-u, --unreach', 'print only those that do not, bare').conflicts('alive'))
    .option('-r, --retry <number>', 'how often to ask again', numeric(integer(0, 100)), 3)
    .addOption(
      new Option('-t, --timeout <ms>', 'time to wait for each reply, in milliseconds as in fping; 2s works too')
        .argParser(time('ms'))
        .default(500, '500'),
    )
    .option('-g, --generate', 'two addresses are first and last of a range')
    .option('-f, --file <file>', 'targets from a file, one a line; - is standard input')
    .option('-s, --stats', 'print statistics at the end, to standard error')
    .option('-e, --elapsed', 'with the round-trip time of those that answer')
    .option('--rate <number>', 'requests a second', numeric(number(0.001, 10_000_000)))
    .option('-b, --size <bytes>', 'payload of each request', numeric(integer(0, 65_507)), 56)
    .option('--broadcast', 'ask broadcast addresses too: all hosts of the link answer')
    .option('-H, --ttl <hops>', 'time to live', numeric(integer(1, 255)))
  addFamilyOptions(command)
  addPathOptions(command, { source: 'S', mark: 'k', tos: 'O' })
  addOutputOptions(command, 'no line for each host')
  command.action(action(state, () => import('./run.js')))
}
