import { type Command, InvalidArgumentError, Option } from 'commander'
import { integer } from '../../options.js'
import { numeric, oneHost, time } from '../shared/arguments.js'
import { addFamilyOptions, addOutputOptions } from '../shared/options.js'
import { addPathOptions } from '../shared/path-options.js'
import { action, type CommandState } from '../shared/session.js'

export function definePing(program: Command, state: CommandState): void {
  const command = program
    .command('ping')
    .description('echo requests to one host, until stopped or counted out')
    .argument('<host>', 'name or address', oneHost)
    .option('-c, --count <number>', 'stop after so many', numeric(integer(1, 2 ** 31)))
    .addOption(
      new Option('-i, --interval <seconds>', 'time between two requests, in seconds as in ping; 200ms works too')
        .argParser(time('s', 0.1))
        .default(1000, '1'),
    )
    .addOption(
      new Option('-W, --timeout <seconds>', 'time to wait for each reply').argParser(time('s')).default(2000, '2'),
    )
    .option('-w, --deadline <seconds>', 'stop after so long, whatever happened', time('s'))
    .option('-s, --size <bytes>', 'payload of each request', numeric(integer(0, 65_507)), 56)
    .option('-t, --ttl <hops>', 'time to live', numeric(integer(1, 255)))
    .addOption(
      new Option('-M, --pmtudisc <hint>', 'do: never fragment, report the MTU instead').choices(['do', 'dont']),
    )
    .option('-p, --pattern <hex>', 'up to 16 bytes to fill the payload with', pattern)
    .option('-b, --broadcast', 'allow a broadcast address: all hosts of the link answer')
    .option('-n, --numeric', 'addresses only, which is all this command ever prints')
    .option('-D, --timestamp', 'time of day before each line')
    .addOption(
      new Option('--kind <kind>', 'socket; datagram needs no privilege')
        .choices(['auto', 'datagram', 'raw'])
        .default('auto'),
    )
  addFamilyOptions(command)
  addPathOptions(command, { mark: 'm', tos: 'Q' })
  addOutputOptions(command, 'only the summary')
  command.action(action(state, () => import('./run.js')))
}

function pattern(value: string): Buffer {
  if (!/^([0-9a-f]{2}){1,16}$/i.test(value)) throw new InvalidArgumentError('it must be 1 to 16 bytes in hexadecimal')
  return Buffer.from(value, 'hex')
}
