import { type Command, Option } from 'commander'
import { listenAddress } from '../monitor/web/listen-address.js'
import { text, time } from '../shared/arguments.js'
import { addJson } from '../shared/options.js'
import { action, type CommandState } from '../shared/session.js'

export function defineExporter(program: Command, state: CommandState): void {
  const command = program
    .command('exporter')
    .description('serve the probes of blackbox_exporter to Prometheus, through the device you name')
    .option('-c, --config <file>', 'modules, in the YAML of blackbox_exporter; SIGHUP reads it again', 'blackbox.yml')
    .option('--check', 'only check the configuration')
    .addOption(
      new Option('--listen <[host:]port>', 'serve /probe and /metrics there; host: 127.0.0.1')
        .argParser(text(value => listenAddress(value as string)))
        .default('9115'),
    )
    .addOption(new Option('--token-file <file>', 'a token that clients must send (or NETVIA_TOKEN)'))
    .addOption(
      new Option('--timeout-offset <seconds>', "subtract this from the scrape's timeout")
        .argParser(time('s', 0))
        .default(500, '0.5'),
    )
  addJson(command)
  command.action(action(state, () => import('./run.js'), { reloads: true }))
}
