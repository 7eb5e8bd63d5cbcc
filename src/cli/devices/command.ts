import { type Command, Option } from 'commander'
import { addJson, deviceOption } from '../shared/options.js'
import { action, type CommandState } from '../shared/session.js'

export function defineDevices(program: Command, state: CommandState): void {
  const command = program
    .command('devices')
    .description('list network devices, their addresses and gateways')
    .addOption(deviceOption('only this one; may be given again'))
    .addOption(new Option('-w, --watch', 'continue, and print changes'))
  addJson(command).action(action(state, () => import('./run.js')))
}
