import type { Command } from 'commander'
import { action, type CommandState } from '../shared/session.js'

export function defineMan(program: Command, state: CommandState): void {
  program
    .command('man')
    .description('print the manual page: netvia man | man -l -')
    .action(action(state, () => import('./run.js')))
}
