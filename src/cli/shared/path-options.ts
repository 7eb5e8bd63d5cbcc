import { type Command, InvalidArgumentError, Option } from 'commander'
import { isIP } from '../../builtins.js'
import { deviceName, type PathOptions, pathSchema } from '../../options.js'
import { numeric, several, text } from './arguments.js'

/** The flags below, as commander parses them. */
export interface PathFlags {
  device?: string[]
  source?: string
  mark?: number
  tos?: number
}

/** Short names differ between ping, traceroute and fping; each subcommand keeps its model's. */
export interface ShortNames {
  source?: string
  mark?: string
  tos?: string
}

/** `more`: why more than one device makes sense here. */
export function addPathOptions(command: Command, short: ShortNames = {}, more = '; may be given again, to compare') {
  const flags = (letter: string | undefined, long: string) => (letter ? `-${letter}, ${long}` : long)
  const option = (names: string, description: string) => new Option(names, description).helpGroup('Path options:')
  return command
    .addOption(option('-I, --device <name>', `network device to use${more}`).argParser(several(device)))
    .addOption(
      option(flags(short.source, '--source <address>'), 'source address; does not choose the device').argParser(
        text(pathSchema.localAddress),
      ),
    )
    .addOption(
      option(flags(short.mark, '--mark <number>'), 'firewall mark for policy routing').argParser(
        numeric(pathSchema.mark),
      ),
    )
    .addOption(
      option(flags(short.tos, '--tos <number>'), 'type of service / traffic class, 0-255').argParser(
        numeric(pathSchema.tos),
      ),
    )
}

/** ping takes an address for -I too; here that would promise a device that a source address cannot choose. */
function device(value: string): string {
  if (isIP(value)) throw new InvalidArgumentError('it must be a device; --source takes an address')
  return text(deviceName)(value)
}

/** One path out of this machine, and its name in text and in JSON. */
export interface Path {
  name: string
  label: { device?: string }
  options: PathOptions
}

export function pathsOf({ device, source, mark, tos }: PathFlags): Path[] {
  const common = { localAddress: source, mark, tos }
  if (!device) return [{ name: source ?? 'default', label: {}, options: common }]
  return [...new Set(device)].map(device => ({ name: device, label: { device }, options: { ...common, device } }))
}
