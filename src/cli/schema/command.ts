import type { Command } from 'commander'
import { action, type CommandState } from '../shared/session.js'

export function defineSchema(program: Command, state: CommandState): void {
  program
    .command('schema')
    .description('print the JSON Schema of the --json output')
    .action(action(state, () => import('./run.js')))
}
