import { type Command, InvalidArgumentError, Option } from 'commander'
import { integer } from '../../options.js'
import { mistake, numeric, several } from '../arguments.js'
import { addPathOptions, type PathFlags } from '../path-options.js'
import { action, type Ends } from '../session.js'
import {
  addCount,
  addFamilyOptions,
  addOutputOptions,
  addServers,
  addTimeout,
  type FamilyFlags,
  type OutputFlags,
} from './common.js'

export interface HttpFlags extends PathFlags, FamilyFlags, OutputFlags {
  request?: string
  header?: [name: string, value: string][]
  count: number
  timeout: number
  expectStatus: [number, number]
  expectBody?: string
  maxRedirects: number
  insecure?: boolean
  cacert?: string
  server?: string[]
}

export function defineHttp(program: Command, ends: Ends): void {
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
  command.action(action(ends, () => import('../run/http.js')))
}

function httpUrl(value: string): string {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`
  if (!URL.canParse(text) || !/^https?:/i.test(text)) {
    throw mistake('the url must be an http or https URL')
  }
  return text
}

function header(value: string): [string, string] {
  const [, name, content] = /^([^:\s]+):\s*(.*)$/.exec(value) ?? []
  if (name === undefined) throw mistake('a header must be like "name: value"')
  return [name, content!]
}

function statusRange(value: string): [number, number] {
  const [, low, high = low] = /^(\d{3})(?:-(\d{3}))?$/.exec(value) ?? []
  if (low === undefined || Number(low) > Number(high)) {
    throw new InvalidArgumentError('it must be a status such as 200, or a range such as 200-299')
  }
  return [Number(low), Number(high)]
}
