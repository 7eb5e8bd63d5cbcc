import { type Command, Option } from 'commander'
import { integer, port } from '../../options.js'
import { numeric, oneHost, time } from '../shared/arguments.js'
import { addFamilyOptions, addJson } from '../shared/options.js'
import { addPathOptions } from '../shared/path-options.js'
import { action, type CommandState } from '../shared/session.js'

export function defineTrace(program: Command, state: CommandState): void {
  const command = program
    .command('trace')
    .description('the routers on the way to a host')
    .argument('<host>', 'name or address', oneHost)
    .option('-f, --first-hop <number>', 'hop to begin with', numeric(integer(1, 255)), 1)
    .option('-m, --max-hops <number>', 'give up after so many hops', numeric(integer(1, 255)), 30)
    .option('-q, --queries <number>', 'probes of each hop', numeric(integer(1, 10)), 3)
    .addOption(
      new Option('-w, --wait <seconds>', 'time to wait for each answer, in seconds as in traceroute; 500ms works too')
        .argParser(time('s'))
        .default(1000, '1'),
    )
    .option('-n, --numeric', 'do not look up the names of addresses')
    .addOption(new Option('-M, --method <method>', 'kind of probes').choices(['icmp', 'udp', 'tcp']).default('icmp'))
    .option('-p, --port <number>', 'destination port of udp and tcp probes', numeric(port))
  addFamilyOptions(command)
  addPathOptions(command, { source: 's', tos: 't' })
  addJson(command)
  command.action(action(state, () => import('./run.js')))
}
