import { type Command, InvalidArgumentError, Option } from 'commander'
import { scanDefaults } from '../../scan/port-scan.js'
import { scanSchema } from '../../scan/scan-ports.js'
import { inSeconds, numeric, several, text, time } from '../shared/arguments.js'
import { addSpellings, refuseFlags } from '../shared/familiar.js'
import { addFamilyOptions, addOutputOptions } from '../shared/options.js'
import { addPathOptions } from '../shared/path-options.js'
import { action, type CommandState } from '../shared/session.js'

export function defineScan(program: Command, state: CommandState): void {
  const command = program
    .command('scan')
    .description('find the open TCP ports of one host or many')
    .argument('<hosts...>', 'names, addresses, blocks (192.0.2.0/24), ranges (192.0.2.1-192.0.2.9)', several(target))
    .addOption(
      new Option('-p, --ports <list>', 'such as 22,80,8000-8100; - for all')
        .argParser(portsOf)
        .default(scanDefaults.ports),
    )
    .option('-a, --all', 'print the closed and filtered ports too')
    .addOption(new Option('--open', 'print only open ports, as this command does without -a').conflicts('all'))
    .option('--grepable <file>', 'write a line for grep into a file, as -oG of nmap; - is standard output')
    .option('--skip-discovery', 'do not ping the host first (-Pn of nmap), as this command never does')
    .option('--connect-scan', 'connect to each port (-sT of nmap), as this command always does')
    .addOption(
      new Option('-W, --timeout <seconds>', 'time to wait for each port')
        .argParser(time('s'))
        .default(...inSeconds(scanDefaults.timeout)),
    )
    .option('--retries <number>', 'further attempts at a port that does not answer', numeric(scanSchema.retries))
    .option('--concurrency <number>', 'connections to attempt at the same time', numeric(scanSchema.concurrency))
    .option('--rate <number>', 'attempts a second', numeric(scanSchema.rate))
  addFamilyOptions(command)
  addPathOptions(command)
  addOutputOptions(command, 'print only the port numbers; host:port for several hosts')
  addSpellings(command, { '-oG': '--grepable', '-Pn': '--skip-discovery', '-sT': '--connect-scan' })
  refuseFlags(command, 'nmap', {
    '-o': 'use -oG or --json',
    '-s': 'only -sT is, which connects to each port',
    '-P': 'only -Pn is, as the host is never pinged first',
    '-A': 'netvia http and netvia connect look closer at one port',
    '-O': 'netvia does not guess operating systems',
    '-T': 'use --rate, --concurrency and -W',
    '-F': 'use -p with a list of ports',
    '--top-ports': 'use -p with a list of ports',
  })
  command.action(action(state, () => import('./run.js')))
}

function target(value: string): string {
  if (value.includes('://')) throw new InvalidArgumentError('it must be a name or an address, not a URL')
  return value
}

/** `-p-` as in nmap. */
function portsOf(list: string): string {
  return list === '-' ? '1-65535' : text(scanSchema.ports)(list)
}
