import type { PortResult } from '../../scan/port-scan.js'
import { plural } from '../shared/output/format.js'
import type { Path } from '../shared/path-options.js'

/**
 * One scan in the format of nmap's `-oG`: what scripts cut out with grep and awk. netvia looks at no service, so its fields are
 * empty.
 */
export function grepable({ name }: Path, host: string, results: readonly PortResult[], all: boolean): string[] {
  const shown = results.filter(({ state }) => all || state === 'open').toSorted((a, b) => a.port - b.port)
  const ports = shown.map(({ port, state }) => `${port}/${state}/tcp/////`).join(', ')
  const ignored = (['closed', 'filtered'] as const).flatMap(state => {
    const count = results.filter(result => result.state === state).length
    return all || count === 0 ? [] : [`Ignored State: ${state} (${count})`]
  })
  const who = `Host: ${host} ()`
  return [
    `# netvia scan of ${plural(results.length, 'port')} through ${name}`,
    `${who}\tStatus: Up`,
    [who, `Ports: ${ports}`, ...ignored].join('\t'),
  ]
}
