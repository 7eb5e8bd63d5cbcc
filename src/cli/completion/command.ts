import { Argument, type Command } from 'commander'
import { action, type CommandState } from '../shared/session.js'
import { shells } from './shells.js'

export function defineCompletion(program: Command, state: CommandState): void {
  program
    .command('completion')
    .description('print a completion script')
    .addArgument(new Argument('<shell>', 'which shell').choices(shells))
    .action(action(state, () => import('./run.js')))
}
