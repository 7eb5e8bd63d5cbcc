import { type Command, Option } from 'commander'
import { integer, port } from '../../options.js'
import { numeric, oneHost, time } from '../shared/arguments.js'
import type { Exit } from '../shared/exit-code.js'
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
    .addOption(
      new Option('--watch', 'go on, one probe for each hop a second, as netvia mtr does').conflicts([
        'json',
        'queries',
      ]),
    )
  addFamilyOptions(command)
  addPathOptions(command, { source: 's', tos: 't' })
  addJson(command)
  const load = async () => {
    if (!command.opts<TraceFlags>().watch) return import('./run.js')
    const { run } = await loadWatch()
    return { run: (session: Session, flags: TraceFlags, host: string) => run(session, watchFlags(flags), host) }
  }
  command.action(action(state, load))
}

function watchFlags(flags: TraceFlags): WatchFlags {
  const { method, wait } = flags
  return { ...flags, interval: 1000, timeout: wait, udp: method === 'udp', tcp: method === 'tcp' }
}
