import { atEnd } from './cleanup.js'
import { context, type Host, type Uplink } from './context.js'
import { run, runWithInput } from './processes.js'

let devices = 0

/**
 * Adds a third uplink to the router. A device of the same name in `host` is its gateway, and its default route has the highest metric.
 * Unlike the laboratory's own devices, it uses ARP and neighbour discovery. `remove` deletes it, and so does the end of the test.
 */
export function addDevice(device: string, host: Host = 'internet'): Uplink & { remove(): void } {
  const number = ++devices
  const [net4, net6] = [`10.77.${number}`, `fd00:77:${number}:`]
  const uplink = { device, address4: `${net4}.1`, address6: `${net6}:1`, gateway4: `${net4}.2`, gateway6: `${net6}:2` }
  run('router', 'ip', 'link', 'add', device, 'type', 'veth', 'peer', 'name', device, 'netns', context.names[host])
  let there = true
  const remove = () => {
    if (there) run('router', 'ip', 'link', 'delete', device)
    there = false
  }
  atEnd(remove)
  setUp(host, device, uplink.gateway4, uplink.gateway6)
  setUp('router', device, uplink.address4, uplink.address6, [
    `route add default via ${uplink.gateway4} dev ${device} metric ${900 + number}`,
    `route add default via ${uplink.gateway6} dev ${device} metric ${900 + number}`,
  ])
  // Wait for both ends, because the kernel drops packets until an end is up.
  for (const end of [host, 'router'] as const) while (!isUp(end, device)) pause()
  return { ...uplink, remove }
}

function setUp(host: Host, device: string, address4: string, address6: string, routes: string[] = []): void {
  const commands = [
    `link set ${device} up`,
    `address add ${address4}/24 dev ${device}`,
    `address add ${address6}/64 dev ${device} nodad`,
    ...routes,
  ]
  runWithInput(host, commands.join('\n'), 'ip', '-batch', '-')
}

function isUp(host: Host, device: string): boolean {
  return run(host, 'cat', `/sys/class/net/${device}/operstate`).trim() === 'up'
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
}
