import { type Command, Option } from 'commander'
import { text } from '../shared/arguments.js'
import { defaultSocket } from '../shared/monitor-socket.js'
import { addJson, deviceOption } from '../shared/options.js'
import { action, type CommandState } from '../shared/session.js'
import { listenAddress } from './web/listen-address.js'

export function defineMonitor(program: Command, state: CommandState): void {
  const command = program
    .command('monitor')
    .description('watch several uplinks: their states, and why')
    .requiredOption('-c, --config <file>', 'uplinks and limits, in YAML; SIGHUP reads it again')
    .option('--check', 'only say whether the configuration is right')
    .addOption(deviceOption('only the uplinks on this device; may be given again'))
    .addOption(
      new Option('--listen <[host:]port>', 'serve a page, JSON and metrics there; host: 127.0.0.1').argParser(
        text(value => listenAddress(value as string)),
      ),
    )
    .addOption(new Option('--token-file <file>', 'who asks must know what is in it (or in NETVIA_TOKEN)'))
    .addOption(new Option('--socket <file>', `answer netvia status and netvia force there (default: ${defaultSocket})`))
    .option('--no-socket', 'answer nowhere')
    .option('--socket-group <group>', 'who else may ask and force: a group, by name or number')
    .addOption(new Option('--otlp <url>', 'push metrics and changes of state to this OpenTelemetry collector'))
    .addOption(new Option('--otlp-headers <file>', 'headers for it, a line each, such as Authorization: Bearer …'))
    .option('-v, --verbose', 'every result of every check, too')
  addJson(command)
  command.action(action(state, () => import('./run.js')))
}
