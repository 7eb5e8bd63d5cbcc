import type { Command } from 'commander'
import { addJson, deviceOption } from '../shared/options.js'
import { action, type CommandState } from '../shared/session.js'

export function defineDoctor(program: Command, state: CommandState): void {
  const command = program
    .command('doctor')
    .description('show what works on this machine, and how to fix the rest')
    .addOption(deviceOption('look at this device; may be given again (default: those with a default route)'))
  addJson(command).action(action(state, () => import('./run.js')))
}
