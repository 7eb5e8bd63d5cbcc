import type { Command } from 'commander'
import { addJson, addMonitorSocket } from '../shared/options.js'
import { action, type CommandState } from '../shared/session.js'

export function defineStatus(program: Command, state: CommandState): void {
  const command = program
    .command('status')
    .description('asks the running monitor how its uplinks are')
    .argument('[uplink...]', 'only these')
  addMonitorSocket(command)
  addJson(command)
  command.action(action(state, () => import('./run.js')))
}
