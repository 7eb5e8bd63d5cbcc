import { type Command, Option } from 'commander'
import { answerTimeout } from '../../line/nat.js'
import { connections, maxBytes, shortestLoad } from '../../line/rate/rate-limits.js'
import { server } from '../../line/server-address.js'
import { integer, ipAddress, string } from '../../options.js'
import { dnsServer } from '../../protocols/dns/server-address.js'
import { inSeconds, numeric, several, sized, text, time } from '../shared/arguments.js'
import { addFamilyOptions, addOutputOptions } from '../shared/options.js'
import { addPathOptions } from '../shared/path-options.js'
import { action, type CommandState } from '../shared/session.js'

export function defineLine(program: Command, state: CommandState): void {
  const command = program
    .command('line')
    .description('inspect lines side by side: NAT, captive portal, DNS, path MTU, rate')
    .option('--stun <host[:port]>', 'STUN server that shows the public address and the NAT (default port: 3478)')
    .option('--portal <url>', 'a URL whose answer you know, to find a captive portal')
    .addOption(
      new Option('--portal-status <number>', 'the status of that answer (default: 204)').argParser(
        numeric(integer(100, 599)),
      ),
    )
    .option('--mtu <host>', 'host to measure the path MTU to (default: that of --stun)', text(string))
    .addOption(
      new Option(
        '--dns-server <address[:port]>',
        'name server of the line instead of those of /etc/resolv.conf; may be given again',
      ).argParser(several(text(dnsServer))),
    )
    .option('--absent-domain <domain>', 'a domain where a random name does not exist (default: invalid)', text(string))
    .option('--dns-name <name>', 'a name with the same addresses everywhere, to compare with --dns-reference')
    .option('--dns-reference <address[:port]>', 'name server that knows its addresses', text(dnsServer))
    .option(
      '--server <host[:port]>',
      'measure rate and latency under load against it, one line after the other; moves as much as fits in 20 s each',
      text(server),
    )
    .option('--token-file <file>', 'the token of that server, or with --serve of this one (or NETVIA_TOKEN)')
    .addOption(
      new Option('--duration <seconds>', 'with --server: time of each direction (default: 10)').argParser(
        time('s', shortestLoad),
      ),
    )
    .addOption(
      new Option(
        '--max-bytes <size>',
        'with --server or --serve: payload of each direction (default: 500MB)',
      ).argParser(sized(maxBytes)),
    )
    .option(
      '--connections <number>',
      'with --server: TCP connections of each direction (default: 4)',
      numeric(connections),
    )
    .option('--serve', 'serve other machines instead: they name this one with --stun and --server')
    .addOption(
      new Option(
        '--listen <address>',
        'with --serve: listen there; twice for two addresses, which show how a NAT behaves (default: all)',
      ).argParser(several(text(ipAddress))),
    )
    .option(
      '-p, --port <number>',
      'with --serve: port (default: 3478); STUN also uses the next one',
      numeric(integer(0, 65_534)),
    )
  command.addOption(
    new Option('-W, --timeout <seconds>', 'time for each answer')
      .argParser(time('s'))
      .default(...inSeconds(answerTimeout)),
  )
  addFamilyOptions(command)
  addPathOptions(command)
  addOutputOptions(command, 'print nothing, only set the exit code')
  command.action(action(state, () => import('./run.js')))
}
