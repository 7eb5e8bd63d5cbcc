import { type Command, Option } from 'commander'
import { addJson, deviceOption } from '../shared/options.js'
import { action, type CommandState } from '../shared/session.js'
import { since } from './since.js'

export function defineReport(program: Command, state: CommandState): void {
  const command = program
    .command('report')
    .description('show how the uplinks were: availability, outages, loss, latency')
    .argument('[uplink...]', 'only these uplinks')
    .addOption(
      new Option('-c, --config <file>', 'configuration of the monitor, which names its history file').conflicts(
        'history',
      ),
    )
    .option('--history <file>', 'the history file, instead of --config')
    .addOption(
      new Option('--since <time>', 'how far back, such as 30d, or a date').argParser(since).default(undefined, '30d'),
    )
    .addOption(deviceOption('only the uplinks on this device; may be given again'))
    .addOption(
      new Option('--csv [rows]', 'comma-separated values; rows: uplinks or outages')
        .choices(['uplinks', 'outages'])
        .preset('uplinks')
        .conflicts('json'),
    )
  addJson(command)
  command.action(action(state, () => import('./run.js')))
}
