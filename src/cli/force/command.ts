import { Argument, type Command, Option } from 'commander'
import { time } from '../shared/arguments.js'
import { addJson, addMonitorSocket } from '../shared/options.js'
import { action, type CommandState } from '../shared/session.js'

export function defineForce(program: Command, state: CommandState): void {
  const command = program
    .command('force')
    .description('put an uplink up or down in the running monitor, whatever its checks say')
    .argument('<uplink>', 'its name')
    .addArgument(new Argument('<state>', 'auto: its checks decide again').choices(['up', 'down', 'auto']))
    .addOption(new Option('--for <time>', 'how long: 90s, 30m, 12h (default: until auto)').argParser(time('s')))
    .option('--why <text>', 'the reason, shown with the state')
  addMonitorSocket(command)
  addJson(command)
  command.action(action(state, () => import('./run.js')))
}
