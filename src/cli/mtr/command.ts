import { type Command, InvalidArgumentError, Option } from 'commander'
import { integer, port } from '../../options.js'
import { numeric, oneHost, time } from '../shared/arguments.js'
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
    .option('-c, --count <number>', 'rounds, default: 10 in a report, else no end', numeric(integer(1, 2 ** 31)))
    .addOption(
      new Option('-i, --interval <seconds>', 'from one round to the next').argParser(time('s', 10)).default(1000, '1'),
    )
    .option('-f, --first-hop <number>', 'hop to begin with', numeric(integer(1, 255)), 1)
    .option('-m, --max-hops <number>', 'give up after so many hops', numeric(integer(1, 255)), 30)
    .addOption(
      new Option('-Z, --timeout <seconds>', 'time to wait for each answer').argParser(time('s')).default(1000, '1'),
    )
    .option('-n, --numeric', 'do not show the names of addresses')
    .addOption(new Option('-u, --udp', 'UDP datagrams instead of echo requests').conflicts('tcp'))
    .addOption(new Option('-T, --tcp', 'TCP connection requests instead of echo requests'))
    .option('-P, --port <number>', 'destination port of udp and tcp probes', numeric(port))
    .option('--flows <number>', 'watch so many flows of udp or tcp, and draw their routes', numeric(integer(1, 64)))
    .addOption(
      new Option('-o, --order <letters>', `columns, from ${knownLetters}; default: ${defaultOrder}`).argParser(order),
    )
    .addHelpText('after', '\nKeys: p pauses, r resets, d shows all columns, n shows addresses, q quits')
  addFamilyOptions(command)
  addPathOptions(command, { source: 'a', mark: 'M', tos: 'Q' })
  addJson(command).addOption(
    new Option('--csv', 'comma-separated values at the end').conflicts('json').helpGroup('Output options:'),
  )
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
