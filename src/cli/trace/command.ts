import { type Command, Option } from 'commander'
import { tracerouteDefaults, tracerouteSchema } from '../../protocols/traceroute/options.js'
import { traceroutesDefaults } from '../../protocols/traceroute/traceroutes.js'
import { inSeconds, numeric, oneHost, time } from '../shared/arguments.js'
import type { Exit } from '../shared/exit-code.js'
import { addAlias, refuseFlags } from '../shared/familiar.js'
import { addFamilyOptions, addJson } from '../shared/options.js'
import { addPathOptions } from '../shared/path-options.js'
import { action, type CommandState, type Session } from '../shared/session.js'
import type { TraceFlags } from './run.js'

/** What `mtr` runs by. */
interface WatchFlags extends TraceFlags {
  interval: number
  timeout: number
  udp: boolean
  tcp: boolean
}

type Watch = (session: Session, flags: WatchFlags, host: string) => Promise<Exit>

/** `loadWatch`: the subcommand that watches a route, for `--watch`. */
export function defineTrace(program: Command, state: CommandState, loadWatch: () => Promise<{ run: Watch }>): void {
  const command = program
    .command('trace')
    .description('list the routers on the path to a host')
    .argument('<host>', 'name or address', oneHost)
    .option(
      '-f, --first-hop <number>',
      'first hop to probe',
      numeric(tracerouteSchema.firstHop),
      tracerouteDefaults.firstHop,
    )
    .option(
      '-m, --max-hops <number>',
      'last hop to probe',
      numeric(tracerouteSchema.maxHops),
      tracerouteDefaults.maxHops,
    )
    .option(
      '-q, --queries <number>',
      'probes for each hop',
      numeric(tracerouteSchema.queries),
      tracerouteDefaults.queries,
    )
    .addOption(
      new Option('-w, --wait <seconds>', 'time to wait for each answer, in seconds as in traceroute; 500ms works too')
        .argParser(time('s'))
        .default(...inSeconds(tracerouteDefaults.timeout)),
    )
    .option('-n, --numeric', 'do not look up the names of addresses')
    .addOption(
      new Option('-M, --method <method>', 'kind of probes')
        .choices(['icmp', 'udp', 'tcp'])
        .default(tracerouteDefaults.method),
    )
    .option('-p, --port <number>', 'destination port of udp and tcp probes', numeric(tracerouteSchema.port))
    .addOption(
      new Option('--watch', 'continue with one probe a second for each hop, as netvia mtr does').conflicts([
        'json',
        'queries',
      ]),
    )
  addFamilyOptions(command)
  addPathOptions(command, { source: 's', tos: 't' })
  addAlias(command, '-T, --tcp', 'method', 'the same as -M tcp, as in traceroute', 'tcp')
  addAlias(command, '-U, --udp', 'method', 'the same as -M udp', 'udp')
  addAlias(command, '-i, --interface <name>', 'device', 'the same as -I, as in traceroute')
  addJson(command)
  refuseFlags(command, 'traceroute', {
    '-A': 'netvia looks up no AS numbers',
    '-F': 'netvia ping -M do finds the path MTU',
    '-N': 'netvia always probes several hops at the same time',
    '-e': 'MPLS labels are always shown',
    '-z': 'netvia spaces its probes automatically',
  })
  const load = async () => {
    if (!command.opts<TraceFlags>().watch) return import('./run.js')
    const { run } = await loadWatch()
    return { run: (session: Session, flags: TraceFlags, host: string) => run(session, watchFlags(flags), host) }
  }
  command.action(action(state, load))
}

function watchFlags(flags: TraceFlags): WatchFlags {
  const { method, wait } = flags
  return {
    ...flags,
    interval: traceroutesDefaults.interval,
    timeout: wait,
    udp: method === 'udp',
    tcp: method === 'tcp',
  }
}
