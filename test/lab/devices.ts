import { atEnd } from './cleanup.js'
import { context, type Host, type Uplink } from './context.js'
import { run, runWithInput } from './processes.js'

let devices = 0

/**
 * A further device of the router, joined to a device of the same name in `host`, which is its gateway: a third way out,
 * with a default route of the highest metric. Its neighbours are found by ARP and neighbour discovery, as in real life.
 * `remove` deletes it; so does the end of the test.
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
  // Each end by itself: until the kernel has seen to it, what it sends is dropped.
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
