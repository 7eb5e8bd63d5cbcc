import { type Command, Option } from 'commander'
import { integer, number } from '../../options.js'
import { portList } from '../../scan/port-list.js'
import { numeric, oneHost, text, time } from '../shared/arguments.js'
import { addFamilyOptions, addOutputOptions } from '../shared/options.js'
import { addPathOptions } from '../shared/path-options.js'
import { action, type CommandState } from '../shared/session.js'

export function defineScan(program: Command, state: CommandState): void {
  const command = program
    .command('scan')
    .description('which TCP ports of a host are open')
    .argument('<host>', 'name or address', oneHost)
    .addOption(
      new Option('-p, --ports <list>', 'such as 22,80,8000-8100; - for all').argParser(portsOf).default('1-1024'),
    )
    .option('-a, --all', 'print the closed and filtered ports too')
    .addOption(
      new Option('-W, --timeout <seconds>', 'time to wait for each port').argParser(time('s')).default(500, '0.5'),
    )
    .option('--concurrency <number>', 'how many at once', numeric(integer(1, 65_535)))
    .option('--rate <number>', 'ports a second', numeric(number(0.001, 10_000_000)))
  addFamilyOptions(command)
  addPathOptions(command)
  addOutputOptions(command, 'only the open ports, bare')
  command.action(action(state, () => import('./run.js')))
}

/** `-p-` as in nmap. */
function portsOf(list: string): string {
  return list === '-' ? '1-65535' : text(portList)(list)
}
