import { type Command, Option } from 'commander'
import { integer } from '../../options.js'
import { pingDefaults } from '../../protocols/icmp/ping-options.js'
import { sweepSchema } from '../../protocols/icmp/sweep/sweep.js'
import { numeric, time } from '../shared/arguments.js'
import { refuseFlags } from '../shared/familiar.js'
import { addFamilyOptions, addOutputOptions } from '../shared/options.js'
import { addPathOptions } from '../shared/path-options.js'
import { action, type CommandState } from '../shared/session.js'

export function defineSweep(program: Command, state: CommandState): void {
  const command = program
    .command('sweep')
    .description('find out which of many hosts answer echo requests')
    .argument('[targets...]', 'names, addresses, blocks (192.0.2.0/24), ranges (192.0.2.1-192.0.2.9)')
    .option('-a, --alive', 'print only the hosts that answer, one a line')
    .addOption(new Option('-u, --unreach', 'print only the hosts that do not answer').conflicts('alive'))
    .option('-r, --retry <number>', 'further requests to a host that does not answer', numeric(sweepSchema.retries), 3)
    .addOption(
      new Option('-c, --count <number>', 'requests to each host, with a line for each')
        .argParser(numeric(integer(1, 1_000_000)))
        .conflicts(['alive', 'unreach', 'elapsed']),
    )
    .addOption(
      new Option('-C, --vcount <number>', 'the same, with all times of a host in one line at the end')
        .argParser(numeric(integer(1, 10_000)))
        .conflicts(['count', 'alive', 'unreach', 'elapsed']),
    )
    .addOption(
      new Option('-l, --loop', 'the same until stopped').conflicts(['count', 'vcount', 'alive', 'unreach', 'elapsed']),
    )
    .addOption(
      new Option('-p, --period <ms>', 'time between requests to one host with -c, -C and -l')
        .argParser(time('ms', 10))
        .default(1000, '1000'),
    )
    .option(
      '-x, --reachable <number>',
      'exit with 0 if this many hosts answer, else with 1',
      numeric(integer(1, 2 ** 31)),
    )
    .addOption(
      new Option('-t, --timeout <ms>', 'time to wait for each reply; 2s works too')
        .argParser(time('ms'))
        .default(500, '500'),
    )
    .option('-g, --generate', 'the arguments are the first and last address of a range')
    .option('-f, --file <file>', 'read targets from a file, one a line; - is standard input')
    .option('-s, --stats', 'print statistics at the end, to standard error')
    .option('-e, --elapsed', 'print the round-trip times')
    .option('-A, --addr', 'print addresses instead of names')
    .option('-n, --name', 'print the names of addresses, looked up through the device')
    .option('-d, --rdns', 'the same as -n')
    .option('--rate <number>', 'requests a second', numeric(sweepSchema.rate))
    .addOption(
      new Option('-i, --interval <ms>', 'time between requests, instead of --rate')
        .argParser(time('ms', 0.1))
        .conflicts('rate'),
    )
    .option('-b, --size <bytes>', 'payload of each request', numeric(sweepSchema.payloadSize), pingDefaults.payloadSize)
    .option('--broadcast', 'allow broadcast addresses: all other hosts of the link answer')
    .option('-H, --ttl <hops>', 'time to live', numeric(sweepSchema.ttl))
  addFamilyOptions(command)
  addPathOptions(command, { source: 'S', mark: 'k', tos: 'O' })
  addOutputOptions(command, 'no line for each host')
  refuseFlags(command, 'fping', {
    '-B': 'the time between retries is that of -t',
    '-D': '--json has the time of each request',
    '-J': 'use --json',
    '-M': 'netvia ping -M do finds the path MTU',
    '-N': 'use --json',
    '-Q': 'use netvia ping, which reports at each SIGQUIT',
    '-R': 'use netvia ping -p',
    '-X': 'use -x, which waits for all hosts',
    '-m': 'give the addresses themselves',
    '-o': 'use netvia monitor for outages',
  })
  command.action(action(state, () => import('./run.js')))
}
