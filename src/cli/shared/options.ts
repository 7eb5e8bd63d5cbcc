import { type Command, Option } from 'commander'
import { checkTimeout } from '../../checks/outcome.js'
import { deviceName, integer } from '../../options.js'
import { dnsServer } from '../../protocols/dns/server-address.js'
import { inSeconds, numeric, several, text, time } from './arguments.js'
import { defaultSocket } from './monitor-socket.js'

export interface OutputFlags {
  json?: boolean
  quiet?: boolean
}

export interface FamilyFlags {
  4?: boolean
  6?: boolean
}

const outputGroup = 'Output options:'

export function addJson(command: Command): Command {
  return command.addOption(new Option('--json', 'one JSON object a line').helpGroup(outputGroup))
}

export function addOutputOptions(command: Command, quiet: string): Command {
  return addJson(command.addOption(new Option('-q, --quiet', quiet).helpGroup(outputGroup)))
}

/** Where the command finds the running monitor. */
export function addMonitorSocket(command: Command): Command {
  return command.addOption(new Option('--socket <file>', 'socket of the monitor').default(defaultSocket))
}

export function addFamilyOptions(command: Command): Command {
  return command
    .addOption(new Option('-4', 'IPv4 only').conflicts('6'))
    .addOption(new Option('-6', 'IPv6 only').conflicts('4'))
}

export function familyOf(flags: FamilyFlags): 4 | 6 | undefined {
  return flags[4] ? 4 : flags[6] ? 6 : undefined
}

export function addCheckTimeout(command: Command, what: string): Command {
  return command.addOption(
    new Option('-W, --timeout <seconds>', what).argParser(time('s')).default(...inSeconds(checkTimeout)),
  )
}

/** The table shows the median, because the first measurement includes the start of the process. */
export function addCount(command: Command): Command {
  const option = new Option('-c, --count <number>', 'number of measurements; the table shows the median')
  return command.addOption(option.argParser(numeric(integer(1, 10_000))).default(1))
}

export function addServers(command: Command): Command {
  return command.addOption(
    new Option(
      '--server <address[:port]>',
      'name server instead of those of /etc/resolv.conf; may be given again',
    ).argParser(several(text(dnsServer))),
  )
}

export function deviceOption(what: string): Option {
  return new Option('-I, --device <name>', what).argParser(several(text(deviceName)))
}
