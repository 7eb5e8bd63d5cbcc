import { type Command, Option } from 'commander'
import { policyNames } from '../../group/policies.js'
import type { RaceDelay } from '../../group/race.js'
import { deviceName, integer, milliseconds } from '../../options.js'
import { block } from '../../proxy/blocks.js'
import { sectionDefaults } from '../monitor/proxy/section.js'
import { listenAddress } from '../monitor/web/listen-address.js'
import { numeric, several, text } from '../shared/arguments.js'
import { addJson, addServers } from '../shared/options.js'
import { addPathOptions } from '../shared/path-options.js'
import { action, type CommandState } from '../shared/session.js'

export function defineProxy(program: Command, state: CommandState): void {
  const command = program
    .command('proxy')
    .description('serve a SOCKS5 and HTTP proxy through a device, or through several uplinks')
    .addOption(
      new Option(
        '--listen <[host:]port>',
        `listen there (default: ${sectionDefaults.listen}); another host needs --allow or --users-file`,
      ).argParser(text(value => listenAddress(value as string) && (value as string))),
    )
    .option(
      '-c, --config <file>',
      'the uplinks, as for netvia monitor, instead of a path; with proxy: what flags leave out',
    )
    .addOption(
      new Option('--policy <name>', `how to choose an uplink (default: ${sectionDefaults.policy})`).choices(
        policyNames,
      ),
    )
    .addOption(
      new Option(
        '--race <ms>',
        'try the next uplink beside one that takes longer to connect; auto: by its latency',
      ).argParser((value: string): RaceDelay => (value === 'auto' ? value : numeric(milliseconds)(value))),
    )
    .addOption(
      new Option('--allow <block>', 'clients that may use it; may be given again').argParser(several(text(block))),
    )
    .option('--users-file <file>', 'lines of name:password; a client must send one of them; SIGHUP reads it again')
    .addOption(
      new Option(
        '--allow-target <block>',
        'private or link-local addresses, or addresses of this machine, that clients may reach; may be given again',
      ).argParser(several(text(block))),
    )
    .option(
      '--max-connections <number>',
      `of all clients together (default: ${sectionDefaults.maxConnections})`,
      numeric(integer(1, 1_000_000)),
    )
  command
    .option('--multipath', 'use all devices for each connection, by Multipath TCP, if the other end can')
    .addOption(
      new Option(
        '--backup <device>',
        'with --multipath: one that is used only while no other is; may be given again',
      ).argParser(several(text(deviceName))),
    )
    .option('--accept-multipath', 'clients may use Multipath TCP')
    .addOption(
      new Option(
        '--upstream <host[:port]>',
        'pass connections on to a SOCKS5 proxy there, which looks up the names; port: 1080',
      ),
    )
    .addOption(new Option('--upstream-user-file <file>', 'a line of name:password for that proxy'))
    .addOption(
      new Option('--listen-metrics <[host:]port>', 'serve /metrics for Prometheus there; host: 127.0.0.1').argParser(
        text(value => listenAddress(value as string) && (value as string)),
      ),
    )
    .addOption(new Option('--token-file <file>', 'a token that clients of the metrics must send (or NETVIA_TOKEN)'))
    .option('--socket <file>', 'with --config: answer netvia status and netvia force there')
    .option('--socket-group <group>', 'a group that may use the socket too, by name or number')
  addServers(command)
  addPathOptions(command, {}, '')
  addJson(command)
  command.action(action(state, () => import('./run.js'), { reloads: true }))
}
