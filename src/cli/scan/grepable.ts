import type { PortResult, PortState } from '../../scan/port-scan.js'
import { plural } from '../shared/output/format.js'
import type { Path } from '../shared/path-options.js'

/**
 * One scan in the format of nmap's `-oG`: what scripts cut out with grep and awk. netvia looks at no service, so its fields are
 * empty.
 */
export function grepable({ name }: Path, host: string, results: readonly PortResult[], all: boolean): string[] {
  const who = `Host: ${host} ()`
  return [
    `# netvia scan of ${plural(results.length, 'port')} through ${name}`,
    `${who}\tStatus: Up`,
    portsLine(who, results, all),
  ]
}

interface Result {
  readonly port: number
  readonly state: PortState | 'unsent'
}

/** The line of a host's ports. Ports that were not tried have no state that nmap knows. */
export function portsLine(who: string, results: readonly Result[], all: boolean): string {
  const shown = results
    .filter(({ state }) => state === 'open' || (all && state !== 'unsent'))
    .sort((a, b) => a.port - b.port)
  const ports = shown.map(({ port, state }) => `${port}/${state}/tcp/////`).join(', ')
  const ignored = (['closed', 'filtered', 'unsent'] as const).flatMap(state => {
    const count = results.filter(result => result.state === state).length
    return (all && state !== 'unsent') || count === 0 ? [] : [`Ignored State: ${state} (${count})`]
  })
  return [who, `Ports: ${ports}`, ...ignored].join('\t')
}
