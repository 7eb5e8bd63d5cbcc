import type { Command } from 'commander'
import { action, type CommandState } from '../shared/session.js'

export function defineSchema(program: Command, state: CommandState): void {
  program
    .command('schema')
    .description('prints the JSON Schema of what --json prints')
    .action(action(state, () => import('./run.js')))
}
