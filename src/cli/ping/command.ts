import { type Command, InvalidArgumentError, Option } from 'commander'
import { integer } from '../../options.js'
import { pingsDefaults, pingsSchema } from '../../protocols/icmp/pings.js'
import { inSeconds, numeric, oneHost, several, time } from '../shared/arguments.js'
import { refuseFlags } from '../shared/familiar.js'
import { addFamilyOptions, addOutputOptions } from '../shared/options.js'
import { addPathOptions } from '../shared/path-options.js'
import { action, type CommandState } from '../shared/session.js'

export function definePing(program: Command, state: CommandState): void {
  const command = program
    .command('ping')
    .description('send echo requests to one host, or to several side by side')
    .argument('<host...>', 'name or address', several(oneHost))
    .option('-c, --count <number>', 'stop after this many requests', numeric(integer(1, 2 ** 31)))
    .addOption(
      new Option(
        '-i, --interval <seconds>',
        'time between requests; 200ms works too (default: 1, with -f 0.01)',
      ).argParser(time('s', 0.1)),
    )
    .option('-A, --adaptive', 'send the next request as soon as a reply arrives, at most 500 a second')
    .option('-f, --flood', 'like -A, with 100 requests a second if no reply arrives; prints a dot for each one missing')
    .option('-l, --preload <number>', 'requests to send together at the start', numeric(pingsSchema.preload))
    .addOption(
      new Option('-W, --timeout <seconds>', 'time to wait for each reply')
        .argParser(time('s'))
        .default(...inSeconds(pingsDefaults.timeout)),
    )
    .option('-w, --deadline <seconds>', 'stop after this time', time('s'))
    .option(
      '-s, --size <bytes>',
      'payload of each request',
      numeric(pingsSchema.payloadSize),
      pingsDefaults.payloadSize,
    )
    .option('-t, --ttl <hops>', 'time to live', numeric(pingsSchema.ttl))
    .addOption(
      new Option('-M, --pmtudisc <hint>', 'do: never fragment, report the MTU instead').choices(['do', 'dont']),
    )
    .option('-p, --pattern <hex>', 'up to 16 bytes to fill the payload with', pattern)
    .option('-b, --broadcast', 'allow a broadcast address: all other hosts of the link answer')
    .option('-a, --audible', 'ring the bell for each reply')
    .option('-v, --verbose', 'add which clock stamped the reply, the wait in the queue here, and codes of ICMP errors')
    .option('-D, --timestamp', 'print the time of day before each line')
    .option('-n, --numeric', 'print addresses only, as this command always does')
    .option('-O, --outstanding', 'report missing replies, as this command always does')
    .addOption(
      new Option('--kind <kind>', 'kind of socket; datagram needs no privilege')
        .choices(['auto', 'datagram', 'raw'])
        .default(pingsDefaults.kind),
    )
  addFamilyOptions(command)
  addPathOptions(command, { mark: 'm', tos: 'Q' })
  addOutputOptions(command, 'only the summary')
  refuseFlags(command, 'ping', {
    '-B': 'name the device with -I',
    '-L': "this machine's own answer to a group never counts",
    '-R': 'use netvia trace, as routers ignore the record route option',
    '-T': '-D prints the time of each line',
    '-U': 'the kernel stamps both packets, and -v names the clock',
    '-r': 'name the device with -I',
  })
  command.action(action(state, () => import('./run.js')))
}

function pattern(value: string): Buffer {
  if (!/^([0-9a-f]{2}){1,16}$/i.test(value)) throw new InvalidArgumentError('it must be 1 to 16 bytes in hexadecimal')
  return Buffer.from(value, 'hex')
}
