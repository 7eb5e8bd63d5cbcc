import type { Device } from '../../system/devices/device.js'
import { device, devices } from '../../system/devices/devices.js'
import { type DeviceEvent, watchDevices } from '../../system/devices/watch.js'
import { Exit } from '../shared/exit-code.js'
import { brief } from '../shared/output/format.js'
import type { Session } from '../shared/session.js'

export interface DevicesFlags {
  device?: string[]
  watch?: boolean
  json?: boolean
}

export async function run({ output, signal }: Session, flags: DevicesFlags): Promise<Exit> {
  // Watching begins before reading: no change falls in between.
  const watch = flags.watch ? watchDevices({ signal }) : undefined
  const wanted = flags.device
  const found = wanted ? await Promise.all(wanted.map(name => device(name))) : await devices()
  for (const one of found) output.object('device', one)
  if (!output.json) await print(output, found)
  if (!watch) return Exit.good
  for await (const event of watch) {
    if (wanted && 'device' in event && !wanted.includes(event.device ?? '')) continue
    const { type: about, ...rest } = event
    output.object('change', { about, ...rest })
    output.line(`${new Date().toISOString()} ${describe(event)}`)
  }
  return Exit.good
}

function print(output: Session['output'], found: readonly Device[]): Promise<void> {
  const { color } = output
  const state = ({ up, running }: Device) =>
    running ? color.green('up') : up ? color.yellow('no carrier') : color.dim('down')
  const columns = [
    { title: 'device' },
    { title: 'state' },
    { title: 'addresses' },
    { title: 'gateway' },
    { title: 'kind', spare: true },
    { title: 'received', align: 'right' as const, spare: true },
    { title: 'sent', align: 'right' as const, spare: true },
    { title: 'mtu', align: 'right' as const, spare: true },
  ]
  const rows = found.map(one => [
    one.name,
    state(one),
    one.addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`),
    [one.gateway4, one.gateway6].filter(gateway => gateway !== undefined),
    one.kind,
    bytes(one.counters.rxBytes),
    bytes(one.counters.txBytes),
    String(one.mtu),
  ])
  return output.table(columns, rows)
}

function bytes(count: number): string {
  return brief(count, 1024, ['B', 'K', 'M', 'G', 'T', 'P'])
}

function describe(event: DeviceEvent): string {
  switch (event.type) {
    case 'link': {
      const { up, running } = event.link
      return `${event.device} ${event.change}: ${running ? 'up' : up ? 'no carrier' : 'down'}`
    }
    case 'address':
      return `${event.device} address ${event.change}: ${event.address.address}/${event.address.prefixLength}`
    case 'route':
      return `${event.device ?? '-'} route ${event.change}: ${event.route.destination}`
    case 'resync':
      return 'changes were lost: run this again to see all devices'
  }
}
