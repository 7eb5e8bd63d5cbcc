import { type Command, Option } from 'commander'
import { portList } from '../../checks/scan/port-list.js'
import { integer, number } from '../../options.js'
import { numeric, oneHost, text, time } from '../arguments.js'
import { addPathOptions, type PathFlags } from '../path-options.js'
import { action, type Ends } from '../session.js'
import { addFamilyOptions, addOutputOptions, type FamilyFlags, type OutputFlags } from './common.js'

export interface ScanFlags extends PathFlags, FamilyFlags, OutputFlags {
  ports: string
  all?: boolean
  timeout: number
  concurrency?: number
  rate?: number
}

export function defineScan(program: Command, ends: Ends): void {
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
  command.action(action(ends, () => import('../run/scan.js')))
}

/** `-p-` as in nmap. */
function portsOf(list: string): string {
  return list === '-' ? '1-65535' : text(portList)(list)
}
