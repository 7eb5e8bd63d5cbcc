import { type Command, InvalidArgumentError, Option } from 'commander'
import { integer } from '../../options.js'
import { traceroutesDefaults, traceroutesSchema } from '../../protocols/traceroute/traceroutes.js'
import { inSeconds, numeric, oneHost, time } from '../shared/arguments.js'
import { addAlias, refuseFlags } from '../shared/familiar.js'
import { addFamilyOptions, addJson } from '../shared/options.js'
import { addPathOptions } from '../shared/path-options.js'
import { action, type CommandState } from '../shared/session.js'
import { defaultOrder, knownLetters } from './order.js'

export function defineMtr(program: Command, state: CommandState): void {
  const command = program
    .command('mtr')
    .description('watch the route to a host: loss and times of each hop')
    .argument('<host>', 'name or address', oneHost)
    .option('-r, --report', 'print one table at the end')
    .option('-w, --report-wide', 'a report that cuts no names')
    .option('-c, --count <number>', 'rounds (default: 10 in a report, else unlimited)', numeric(integer(1, 2 ** 31)))
    .addOption(
      new Option('-i, --interval <seconds>', 'time between rounds')
        .argParser(time('s', 10))
        .default(...inSeconds(traceroutesDefaults.interval)),
    )
    .option(
      '-f, --first-hop <number>',
      'first hop to probe',
      numeric(traceroutesSchema.firstHop),
      traceroutesDefaults.firstHop,
    )
    .option(
      '-m, --max-hops <number>',
      'last hop to probe',
      numeric(traceroutesSchema.maxHops),
      traceroutesDefaults.maxHops,
    )
    .addOption(
      new Option('-Z, --timeout <seconds>', 'time to wait for each answer')
        .argParser(time('s'))
        .default(...inSeconds(traceroutesDefaults.timeout)),
    )
    .option('-n, --numeric', 'do not show the names of addresses')
    .addOption(new Option('-u, --udp', 'UDP datagrams instead of echo requests').conflicts('tcp'))
    .addOption(new Option('-T, --tcp', 'TCP connection requests instead of echo requests'))
    .option('-P, --port <number>', 'destination port of udp and tcp probes', numeric(traceroutesSchema.port))
    .option(
      '--flows <number>',
      'flows of udp or tcp to watch; their routes are drawn',
      numeric(traceroutesSchema.flows),
    )
    .addOption(
      new Option('-o, --order <letters>', `columns, from ${knownLetters}; default: ${defaultOrder}`).argParser(order),
    )
    .addHelpText('after', '\nKeys: p pauses, r resets, d shows all columns, n shows addresses, q quits')
  addFamilyOptions(command)
  addPathOptions(command, { source: 'a', mark: 'M', tos: 'Q' })
  addJson(command).addOption(
    new Option('-C, --csv', 'comma-separated values at the end').conflicts('json').helpGroup('Output options:'),
  )
  addAlias(command, '-j', 'json', 'the same as --json, as in mtr')
  refuseFlags(command, 'mtr', {
    '-b': '-n shows addresses, and n switches between the two',
    '-e': 'netvia trace shows MPLS labels',
    '-g': 'the live table is for a terminal',
    '-t': 'the live table starts automatically in a terminal',
    '-x': 'use --json or --csv',
    '-z': 'netvia looks up no AS numbers',
  })
  command.action(action(state, () => import('./run.js')))
}

function order(value: string): string {
  const letters = value.replaceAll(' ', '')
  const unknown = [...letters].find(letter => !knownLetters.includes(letter))
  if (letters === '' || unknown !== undefined) {
    throw new InvalidArgumentError(`it must be letters from ${knownLetters}`)
  }
  return letters
}
