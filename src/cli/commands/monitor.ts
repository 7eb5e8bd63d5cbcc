import { type Command, Option } from 'commander'
import { deviceName } from '../../options.js'
import { several, text } from '../arguments.js'
import { listenAddress } from '../monitor/listen-address.js'
import { action, type Ends } from '../session.js'
import { addJson } from './common.js'

export interface MonitorFlags {
  config: string
  check?: boolean
  device?: string[]
  listen?: string
  tokenFile?: string
  verbose?: boolean
  json?: boolean
}

export function defineMonitor(program: Command, ends: Ends): void {
  const command = program
    .command('monitor')
    .description('watch several uplinks: their states, and why')
    .requiredOption('-c, --config <file>', 'uplinks and limits, in YAML; SIGHUP reads it again')
    .option('--check', 'only say whether the configuration is right')
    .addOption(
      new Option('-I, --device <name>', 'only the uplinks on this device; may be given again').argParser(
        several(text(deviceName)),
      ),
    )
    .addOption(
      new Option('--listen <[host:]port>', 'serve a page, JSON and metrics there; host: 127.0.0.1').argParser(
        text(value => listenAddress(value as string)),
      ),
    )
    .addOption(new Option('--token-file <file>', 'who asks must know what is in it (or in NETVIA_TOKEN)'))
    .option('-v, --verbose', 'every result of every check, too')
  addJson(command)
  command.action(action(ends, () => import('../run/monitor.js')))
}
