// What changes on a router while it works.
import { execFile } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { deviceCommands, links, plan, routes } from '../../lab/plan.mjs'

const execute = promisify(execFile)
const ownTable = 77
/** The provider behind each device. */
export const isps = { wan1: 'isp1', wan2: 'isp2' }

/** The commands of `ip` that change something about a device, and those that revoke it beside what repairs the laboratory. */
const changes = {
  address4: (device, { address4 }) => [[`address delete ${address4}/24 dev ${device}`]],
  address6: (device, { address6 }) => [[`address delete ${address6}/64 dev ${device}`]],
  down: device => [[`link set ${device} down`]],
  preferred: (device, { gateway4 }) => {
    const route = `default via ${gateway4} dev ${device} metric 1`
    return [[`route replace ${route}`], [`route delete ${route}`]]
  },
  routes: (device, { gateway4, gateway6 }) => [
    [`route delete default via ${gateway4} dev ${device}`, `-6 route delete default via ${gateway6} dev ${device}`],
  ],
  rule4: (device, { gateway4 }) => rule('-4', gateway4, device),
  rule6: (device, { gateway6 }) => rule('-6', gateway6, device),
  made_again: (device, _, names) => {
    const [near, far] = links.find(([{ device: name }]) => name === device)
    const peer = `peer name ${far.device} address ${far.mac} netns ${names[isps[device]]}`
    return [[`link delete ${device}`], [`link add name ${device} address ${near.mac} type veth ${peer}`]]
  },
}

function rule(family, gateway, device) {
  return [
    [
      `${family} route replace default via ${gateway} dev ${device} table ${ownTable}`,
      `${family} rule add priority 10 lookup ${ownTable}`,
    ],
    [`${family} rule delete priority 10`],
  ]
}

/** Changes one thing after the other. Returns a function that ends that, with everything repaired. */
export function keepChanging(names, { pick, below }) {
  let stopped = false
  const working = work()
  return () => {
    stopped = true
    return working
  }

  async function work() {
    while (!stopped) {
      const device = pick(Object.keys(isps))
      const [damage, revoke = []] = pick(Object.values(changes))(device, plan[device], names)
      await ip('router', damage)
      await sleep(below(400))
      await ip('router', revoke)
      for (const host of [isps[device], 'router']) await ip(host, [...deviceCommands(host), ...routes[host]])
      await sleep(below(1500))
    }
  }

  /** Commands may fail, because what they delete went away with a device. */
  async function ip(host, commands) {
    for (const command of commands) await execute('ip', ['-n', names[host], ...command.split(' ')]).catch(() => {})
  }
}
