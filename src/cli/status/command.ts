import type { Command } from 'commander'
import { addJson, addMonitorSocket } from '../shared/options.js'
import { action, type CommandState } from '../shared/session.js'

export function defineStatus(program: Command, state: CommandState): void {
  const command = program
    .command('status')
    .description('show the uplinks of the running monitor')
    .argument('[uplink...]', 'only these uplinks')
  addMonitorSocket(command)
  addJson(command)
  command.action(action(state, () => import('./run.js')))
}
