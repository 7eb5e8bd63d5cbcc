import { Command } from 'commander'
import { defineCompletion } from './completion/command.js'
import { defineConnect } from './connect/command.js'
import { defineDevices } from './devices/command.js'
import { defineDns } from './dns/command.js'
import { defineDoctor } from './doctor/command.js'
import { defineExporter } from './exporter/command.js'
import { defineForce } from './force/command.js'
import { defineHttp } from './http/command.js'
import { defineLine } from './line/command.js'
import { defineMan } from './man/command.js'
import { defineMonitor } from './monitor/command.js'
import { defineMtr } from './mtr/command.js'
import { definePing } from './ping/command.js'
import { defineProxy } from './proxy/command.js'
import { defineReport } from './report/command.js'
import { defineRun } from './run/command.js'
import { defineScan } from './scan/command.js'
import { defineSchema } from './schema/command.js'
import { escapeControlsLines } from './shared/output/escape.js'
import type { CommandState } from './shared/session.js'
import { defineStatus } from './status/command.js'
import { defineSweep } from './sweep/command.js'
import { defineTrace } from './trace/command.js'

const exitCodes = `Exit codes:
  0  all good
  1  something is unreachable
  2  a name was not found
  3  bad usage
  4  a local failure`

/** The subcommand that does what another tool does. */
const equivalents: Readonly<Record<string, string>> = {
  ...{ fping: 'sweep', 'arp-scan': 'sweep', masscan: 'scan', nmap: 'scan' },
  ...{ traceroute: 'trace', traceroute6: 'trace', tracepath: 'trace', tcptraceroute: 'trace', ping6: 'ping' },
  ...{ dig: 'dns', drill: 'dns', host: 'dns', nslookup: 'dns', resolve: 'dns' },
  ...{ curl: 'http', wget: 'http', httping: 'http', https: 'http', nc: 'connect', telnet: 'connect', tcp: 'connect' },
  ...{
    ip: 'devices',
    ifconfig: 'devices',
    interfaces: 'devices',
    blackbox_exporter: 'exporter',
    socks: 'proxy',
    stun: 'line',
  },
}

/** Commander proposes what is spelled alike. */
function proposeEquivalent(text: string): string {
  return text.replace(/unknown command '([\w-]+)'(\n\(Did you mean .*\))?/, (all, name) => {
    const subcommand = equivalents[name]
    return subcommand ? `unknown command '${name}'\n(Did you mean ${subcommand}?)` : all
  })
}

/** Commander's own prints the general help for a command there is not, too. */
function defineHelp(program: Command): void {
  program
    .command('help')
    .description('display help for command')
    .argument('[command]')
    .helpOption(false)
    .action((name?: string) => {
      const command = name === undefined ? program : program.commands.find(command => command.name() === name)
      if (command) command.help()
      // An unknown command, in commander's words and with what is like it.
      program.parse([name!], { from: 'user' })
    })
}

/** Every subcommand with its options. What they do is loaded when one is called. */
export function makeProgram(version: string, state: CommandState): Command {
  const program = new Command('netvia')
    .description('Network checks that really go out through the device you name.')
    .version(version, '-V, --version')
    .usage('<command> [options]')
    .helpCommand(false)
    .configureHelp({
      helpWidth: Number(process.env.COLUMNS) || process.stdout.columns || 80,
      minWidthToWrap: 10,
      subcommandTerm: command => command.name(),
    })
    .configureOutput({
      outputError: (text, write) =>
        write(
          escapeControlsLines(
            proposeEquivalent(text)
              .replace(/^error: (command-argument value )?/, 'netvia: ')
              .replace(/ is invalid(.*?)\. it must/s, ' is invalid$1: it must'),
          ),
        ),
    })
    .showHelpAfterError('Try "netvia --help".')
    .addHelpText('after', `\n${exitCodes}`)
    .exitOverride()
  for (const define of [
    definePing,
    defineSweep,
    (program: Command, state: CommandState) => defineTrace(program, state, () => import('./mtr/run.js')),
    defineMtr,
    defineConnect,
    defineHttp,
    defineDns,
    defineScan,
    defineLine,
    defineMonitor,
    defineStatus,
    defineForce,
    defineReport,
    defineExporter,
    defineProxy,
    defineRun,
    defineDevices,
    defineDoctor,
    defineSchema,
    defineCompletion,
    defineMan,
  ]) {
    define(program, state)
  }
  defineHelp(program)
  for (const command of program.commands) command.showHelpAfterError(`Try "netvia ${command.name()} --help".`)
  return program
}
