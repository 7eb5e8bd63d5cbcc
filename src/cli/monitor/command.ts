import { type Command, Option } from 'commander'
import { text } from '../shared/arguments.js'
import { defaultSocket } from '../shared/monitor-socket.js'
import { addJson, deviceOption } from '../shared/options.js'
import { action, type CommandState } from '../shared/session.js'
import { listenAddress } from './web/listen-address.js'

export function defineMonitor(program: Command, state: CommandState): void {
  const command = program
    .command('monitor')
    .description('watch several uplinks, and show the state of each and why')
    .requiredOption('-c, --config <file>', 'uplinks and limits, in YAML; SIGHUP reads it again')
    .option('--check', 'only check the configuration')
    .addOption(deviceOption('only the uplinks on this device; may be given again'))
    .addOption(
      new Option('--listen <[host:]port>', 'serve a page, JSON and metrics there; host: 127.0.0.1').argParser(
        text(value => listenAddress(value as string)),
      ),
    )
    .addOption(new Option('--token-file <file>', 'a token that clients must send (or NETVIA_TOKEN)'))
    .addOption(new Option('--socket <file>', `answer netvia status and netvia force there (default: ${defaultSocket})`))
    .option('--no-socket', 'open no socket')
    .option('--socket-group <group>', 'a group that may use the socket too, by name or number')
    .addOption(new Option('--otlp <url>', 'push metrics and changes of state to this OpenTelemetry collector'))
    .addOption(new Option('--otlp-headers <file>', 'headers for it, a line each, such as Authorization: Bearer …'))
    .addOption(new Option('--mqtt <url>', 'show the uplinks in Home Assistant, through this MQTT broker'))
    .option('-v, --verbose', 'also print the result of every check')
  addJson(command)
  command.action(action(state, () => import('./run.js'), { reloads: true }))
}
