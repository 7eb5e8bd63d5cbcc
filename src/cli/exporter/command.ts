import { type Command, Option } from 'commander'
import { listenAddress } from '../monitor/web/listen-address.js'
import { text, time } from '../shared/arguments.js'
import { addJson } from '../shared/options.js'
import { action, type CommandState } from '../shared/session.js'

export function defineExporter(program: Command, state: CommandState): void {
  const command = program
    .command('exporter')
    .description('probes for Prometheus, as blackbox_exporter makes them, through the device you name')
    .option('-c, --config <file>', 'modules, in the YAML of blackbox_exporter; SIGHUP reads it again', 'blackbox.yml')
    .option('--check', 'only say whether the configuration is right')
    .addOption(
      new Option('--listen <[host:]port>', 'serve /probe and /metrics there; host: 127.0.0.1')
        .argParser(text(value => listenAddress(value as string)))
        .default('9115'),
    )
    .addOption(new Option('--token-file <file>', 'clients must know the token in it (or in NETVIA_TOKEN)'))
    .addOption(
      new Option('--timeout-offset <seconds>', "subtract this from the scrape's timeout")
        .argParser(time('s', 0))
        .default(500, '0.5'),
    )
  addJson(command)
  command.action(action(state, () => import('./run.js')))
}
