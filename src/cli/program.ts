import { Command } from 'commander'
import { escapeControlsLines } from './shared/output/escape.js'
import type { CommandState } from './shared/session.js'

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

type Define = (program: Command, state: CommandState) => void

/** The subcommands, in the order of the help. Each module defines one with its options, and loads what it does when it is called. */
const subcommands: Readonly<Record<string, () => Promise<Define>>> = {
  ping: async () => (await import('./ping/command.js')).definePing,
  sweep: async () => (await import('./sweep/command.js')).defineSweep,
  async trace() {
    const { defineTrace } = await import('./trace/command.js')
    return (program, state) => defineTrace(program, state, () => import('./mtr/run.js'))
  },
  mtr: async () => (await import('./mtr/command.js')).defineMtr,
  connect: async () => (await import('./connect/command.js')).defineConnect,
  http: async () => (await import('./http/command.js')).defineHttp,
  dns: async () => (await import('./dns/command.js')).defineDns,
  scan: async () => (await import('./scan/command.js')).defineScan,
  line: async () => (await import('./line/command.js')).defineLine,
  monitor: async () => (await import('./monitor/command.js')).defineMonitor,
  status: async () => (await import('./status/command.js')).defineStatus,
  force: async () => (await import('./force/command.js')).defineForce,
  report: async () => (await import('./report/command.js')).defineReport,
  exporter: async () => (await import('./exporter/command.js')).defineExporter,
  proxy: async () => (await import('./proxy/command.js')).defineProxy,
  run: async () => (await import('./run/command.js')).defineRun,
  devices: async () => (await import('./devices/command.js')).defineDevices,
  doctor: async () => (await import('./doctor/command.js')).defineDoctor,
  schema: async () => (await import('./schema/command.js')).defineSchema,
  completion: async () => (await import('./completion/command.js')).defineCompletion,
  man: async () => (await import('./man/command.js')).defineMan,
}

/** They describe all of the others. */
const ofTheWhole = ['completion', 'man']

/** The command with the subcommand that is called. Only the help and what describes the whole command need all of them. */
export async function makeProgram(version: string, state: CommandState, called: string | undefined): Promise<Command> {
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
  const isOne = called !== undefined && Object.hasOwn(subcommands, called) && !ofTheWhole.includes(called)
  const loading = isOne ? [subcommands[called]!()] : Object.values(subcommands).map(load => load())
  for (const define of await Promise.all(loading)) define(program, state)
  defineHelp(program)
  for (const command of program.commands) command.showHelpAfterError(`Try "netvia ${command.name()} --help".`)
  return program
}
