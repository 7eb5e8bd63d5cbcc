import { Command } from 'commander'
import { defineConnect } from './commands/connect.js'
import { defineDns } from './commands/dns.js'
import { defineHttp } from './commands/http.js'
import { defineLocal } from './commands/local.js'
import { defineMonitor } from './commands/monitor.js'
import { definePing } from './commands/ping.js'
import { defineScan } from './commands/scan.js'
import { defineSweep } from './commands/sweep.js'
import { defineTrace } from './commands/trace.js'
import { harmlessLines } from './output/harmless.js'
import type { Ends } from './session.js'

const exitCodes = `Exit codes:
  0  all good
  1  something is unreachable
  2  a name was not found
  3  bad usage
  4  a local failure`

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
export function makeProgram(version: string, ends: Ends): Command {
  const program = new Command('netvia')
    .description('Network checks that really leave by the device you name.')
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
          harmlessLines(
            text
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
    defineTrace,
    defineConnect,
    defineHttp,
    defineDns,
    defineScan,
    defineMonitor,
  ]) {
    define(program, ends)
  }
  defineLocal(program, ends)
  defineHelp(program)
  for (const command of program.commands) command.showHelpAfterError(`Try "netvia ${command.name()} --help".`)
  return program
}
