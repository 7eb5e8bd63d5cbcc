import { type Command, InvalidArgumentError, Option } from 'commander'
import { isIP } from '../../builtins.js'
import { httpCheckDefaults, httpCheckSchema } from '../../checks/http/options.js'
import { parseHttpUrl } from '../../checks/http/url.js'
import { numeric, several, time, usageError } from '../shared/arguments.js'
import { addAlias, refuseFlags } from '../shared/familiar.js'
import { addCheckTimeout, addCount, addFamilyOptions, addOutputOptions, addServers } from '../shared/options.js'
import { addPathOptions } from '../shared/path-options.js'
import { action, type CommandState } from '../shared/session.js'

export function defineHttp(program: Command, state: CommandState): void {
  const command = program
    .command('http')
    .description('time the stages of an HTTP request: dns, connect, tls, first byte, total')
    .argument('<url...>', 'https://… or http://…; without a scheme, http', several(httpUrl))
    .option('-X, --request <method>', 'method (default: GET, with -d POST)')
    .option('-H, --header <name: value>', 'header field to add; may be given again', several(header))
  addCount(command)
  addCheckTimeout(command, 'time for everything together')
  command
    .addOption(
      new Option('--expect-status <code|low-high>', 'accepted status, or range of them')
        .argParser(statusRange)
        .default(httpCheckDefaults.expectStatus, httpCheckDefaults.expectStatus.join('-')),
    )
    .option('--expect-body <text>', 'text that the body must contain')
    .option('-L, --location', 'follow redirects, as this command always does')
    .option(
      '--max-redirects <number>',
      'redirects to follow',
      numeric(httpCheckSchema.maxRedirects),
      httpCheckDefaults.maxRedirects,
    )
    .option('-k, --insecure', 'accept any certificate')
    .option('--cacert <file>', 'PEM file with the certificates of authorities to trust')
  addCurlOptions(command)
  addServers(command)
  addFamilyOptions(command)
  addPathOptions(command)
  addOutputOptions(command, 'print nothing, only set the exit code')
  command.action(action(state, () => import('./run.js')))
}

function addCurlOptions(command: Command): void {
  const group = (flags: string, description: string) => new Option(flags, description).helpGroup('Options of curl:')
  command
    .addOption(group('-d, --data <text>', 'body to send; @file reads a file').argParser(String))
    .addOption(group('-A, --user-agent <text>', 'User-Agent header (default: netvia)'))
    .addOption(group('-w, --write-out <format>', 'print this for each request instead of the table, as %{time_total}'))
    .addOption(group('-v, --verbose', 'add addresses, certificate, redirects and size of each request'))
    .addOption(group('-s, --silent', 'draw the table once, and report no errors in words'))
    .addOption(group('-S, --show-error', 'with -s: report errors'))
    .addOption(group('-f, --fail', 'fail for a status from 400, as this command always does'))
    .addOption(group('-o, --output <file>', 'only /dev/null, as the body is never printed').argParser(nowhere))
    .addOption(
      group('--connect-timeout <seconds>', 'time for name, TCP and TLS of each connection').argParser(time('s')),
    )
    .addOption(
      group('--resolve <host:port:address>', 'connect there instead of resolving; may be given again').argParser(
        several(pinned),
      ),
    )
  addAlias(command, '-m, --max-time <seconds>', 'timeout', 'the same as -W')
  addAlias(command, '--max-redirs <number>', 'max-redirects', 'the same as --max-redirects')
  addAlias(command, '--interface <name>', 'device', 'the same as -I')
  refuseFlags(command, 'curl', {
    '-x': 'netvia connects directly, because a proxy would choose the path',
    '--proxy': 'netvia connects directly, because a proxy would choose the path',
    '-u': "put the credentials into the URL, or use -H 'Authorization: …'",
    '-b': "use -H 'Cookie: …'",
    '-e': "use -H 'Referer: …'",
    '-i': 'use -v, or curl --interface, to see the response',
    '-O': 'use curl --interface to download',
    '-F': 'use -d with a Content-Type of -H',
    '-T': 'use -X PUT with -d',
    '-G': 'write the query into the URL',
  })
}

function nowhere(file: string): string {
  if (file !== '/dev/null') throw new InvalidArgumentError('it must be /dev/null: use curl --interface to download')
  return file
}

/** The last colons of `host:port:address` that are no part of an IPv6 address. */
function pinned(value: string): [string, string] {
  const [, target, address] = /^(.+?:\d+):\[?([^\]]+)\]?$/.exec(value) ?? []
  if (target === undefined || !isIP(address!)) {
    throw new InvalidArgumentError('it must be host:port:address, such as example.com:443:192.0.2.1')
  }
  return [target, address!]
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
