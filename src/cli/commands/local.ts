import { Argument, type Command, Option } from 'commander'
import { deviceName } from '../../options.js'
import { several, text } from '../arguments.js'
import { shells } from '../completion/shells.js'
import { action, type Ends } from '../session.js'
import { addJson } from './common.js'

export interface DevicesFlags {
  device?: string[]
  watch?: boolean
  json?: boolean
}

export interface DoctorFlags {
  device?: string[]
  json?: boolean
}

/** The subcommands that look at this machine. */
export function defineLocal(program: Command, ends: Ends): void {
  const device = (what: string) => new Option('-I, --device <name>', what).argParser(several(text(deviceName)))
  const list = program
    .command('devices')
    .description('network devices, their addresses and gateways')
    .addOption(device('only this one; may be given again'))
    .addOption(new Option('-w, --watch', 'go on printing what changes'))
  addJson(list).action(action(ends, () => import('../run/devices.js')))
  const doctor = program
    .command('doctor')
    .description('what this process may do here, and for each "no" how to get it')
    .addOption(device('look at this device; may be given again (default: those with a default route)'))
  addJson(doctor).action(action(ends, () => import('../run/doctor.js')))
  program
    .command('schema')
    .description('prints the JSON Schema of what --json prints')
    .action(action(ends, () => import('../run/schema.js')))
  program
    .command('completion')
    .description('prints a completion script')
    .addArgument(new Argument('<shell>', 'which shell').choices(shells))
    .action(action(ends, () => import('../run/completion.js')))
  program
    .command('man')
    .description('prints the manual page: netvia man | man -l -')
    .action(action(ends, () => import('../run/man.js')))
}
