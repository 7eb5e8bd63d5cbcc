import { type Command, Option } from 'commander'
import { policyNames } from '../../group/policies.js'
import { deviceName } from '../../options.js'
import { text } from '../shared/arguments.js'
import { action, type CommandState } from '../shared/session.js'

export function defineRun(program: Command, state: CommandState): void {
  // All behind the program's name is for the program: `curl -I` and `ping -c 3` have options that netvia has, too.
  program
    .enablePositionalOptions()
    .command('run')
    .passThroughOptions()
    .description('run any program with its traffic through one device, or through several uplinks')
    .usage('-I <device> | -c <file> [options] -- <program> [arguments...]')
    .argument('<program>', 'what to run; the options of netvia come before it')
    .argument('[arguments...]')
    .addOption(new Option('-I, --device <name>', 'network device to use').argParser(text(deviceName)))
    .option('-c, --config <file>', 'the uplinks, as for netvia monitor; each new socket uses one that works')
    .addOption(new Option('--policy <name>', 'how to choose an uplink (default: failover)').choices(policyNames))
    .option(
      '--no-cut-connections',
      'with --config: leave the TCP connections of an uplink that goes down to their timeouts',
    )
    .option('-v, --verbose', 'with --config: report changes of the uplinks on standard error')
    .option('--local-resolver', 'allow DNS questions to this machine, whose resolver chooses its own route')
    .addHelpText(
      'after',
      `
Exit codes: those of the program. 126 if it can't be executed, 127 if it is not found.`,
    )
    .action(action(state, () => import('./run.js')))
}
