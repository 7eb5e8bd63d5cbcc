import type { Command } from 'commander'
import { oneHost } from '../arguments.js'
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

export interface ConnectFlags extends PathFlags, FamilyFlags, OutputFlags {
  count: number
  timeout: number
  server?: string[]
}

export function defineConnect(program: Command, ends: Ends): void {
  const command = program
    .command('connect')
    .description('time a TCP connection')
    .argument('<host>', 'name or address; host:port works too', oneHost)
    .argument('[port]', '1-65535')
  addCount(command)
  addTimeout(command, 'time for name resolution and connection together', 5)
  addServers(command)
  addFamilyOptions(command)
  addPathOptions(command)
  addOutputOptions(command, 'nothing but the exit code')
  command.action(action(ends, () => import('../run/connect.js')))
}
