import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseHttpUrl } from '../../checks/http/url.js'
import { integer } from '../../options.js'
import { numeric, several, usageError } from '../shared/arguments.js'
import { addCount, addFamilyOptions, addOutputOptions, addServers, addTimeout } from '../shared/options.js'
import { addPathOptions } from '../shared/path-options.js'
import { action, type CommandState } from '../shared/session.js'

export function defineHttp(program: Command, state: CommandState): void {
  const command = program
    .command('http')
    .description('time an HTTP request: dns, connect, tls, first byte, total')
    .argument('<url...>', 'https://… or http://…; without a scheme it is http', several(httpUrl))
    .option('-X, --request <method>', 'method (default: GET)')
    .option('-H, --header <name: value>', 'further header field; may be given again', several(header))
  addCount(command)
  addTimeout(command, 'time for everything together', 5)
  command
    .addOption(
      new Option('--expect-status <code|low-high>', 'status that is good')
        .argParser(statusRange)
        .default([200, 399], '200-399'),
    )
    .option('--expect-body <text>', 'what the body must hold')
    .option('-L, --location', 'follow redirects, as this command does anyway')
    .option('--max-redirects <number>', 'how many redirects to follow', numeric(integer(0, 100)), 5)
    .option('-k, --insecure', 'accept any certificate')
    .option('--cacert <file>', 'certificates of the authorities to trust, PEM')
  addServers(command)
  addFamilyOptions(command)
  addPathOptions(command)
  addOutputOptions(command, 'nothing but the exit code')
  command.action(action(state, () => import('./run.js')))
}

function httpUrl(value: string): string {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`
  if (!parseHttpUrl(text) || !/^https?:/i.test(text)) {
    throw usageError('the url must be an http or https URL')
  }
  return text
}

function header(value: string): [string, string] {
  const [, name, content] = /^([^:\s]+):\s*(.*)$/.exec(value) ?? []
  if (name === undefined) throw usageError('a header must be like "name: value"')
  return [name, content!]
}

function statusRange(value: string): [number, number] {
  const [, low, high = low] = /^(\d{3})(?:-(\d{3}))?$/.exec(value) ?? []
  if (low === undefined || Number(low) > Number(high)) {
    throw new InvalidArgumentError('it must be a status such as 200, or a range such as 200-299')
  }
  return [Number(low), Number(high)]
}
