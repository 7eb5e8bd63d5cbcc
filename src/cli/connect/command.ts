import type { Command } from 'commander'
import { port } from '../../options.js'
import { numeric, oneHost } from '../shared/arguments.js'
import { addCheckTimeout, addCount, addFamilyOptions, addOutputOptions, addServers } from '../shared/options.js'
import { addPathOptions } from '../shared/path-options.js'
import { action, type CommandState } from '../shared/session.js'

export function defineConnect(program: Command, state: CommandState): void {
  const command = program
    .command('connect')
    .description('time a TCP connection')
    .argument('<host>', 'name or address; host:port works too', oneHost)
    .argument('[port]', '1-65535', numeric(port))
  addCount(command)
  addCheckTimeout(command, 'time for name resolution and connection together')
  addServers(command)
  addFamilyOptions(command)
  addPathOptions(command)
  addOutputOptions(command, 'print nothing, only set the exit code')
  command.action(action(state, () => import('./run.js')))
}
