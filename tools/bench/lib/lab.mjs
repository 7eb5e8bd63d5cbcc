// The bench's laboratory. Eight cables join two namespaces, near and far, and a million addresses in far reply. Programs that run
// at the same time get namespaces of their own ("places"), each with a cable to far, because raw sockets in one namespace receive
// each other's replies. A ninth cable runs through a third namespace, where tools/bench/baseline/delay.c delays every frame.
import { addLink, applySysctls, batch, makeNamespaces, run, startServer } from '../../lab/namespaces.mjs'

/** The part of the laboratory that the bench's programs know. */
export const plan = {
  /** Every address in 10.64.0.0/12 replies. */
  crowd: '10.64.0.0',
  /** Some addresses in 10.80.0.0/16 don't answer and some are rejected, see `verdictOf`. */
  mixed: '10.80.0.0',
  server: '10.62.0.2',
  /** An address in far that drops all TCP connections. */
  silentServer: '10.62.0.99',
  /** The address of the first place. A workload can make far forward to it. */
  behind: '10.62.16.1',
  device: 'bench0',
  devices: Array.from({ length: 8 }, (_, i) => `bench${i}`),
  /** masscan has its own network stack, which needs the local address and the gateway's MAC address. */
  masscan: ['--adapter-ip', '10.62.0.1', '--router-mac', '02-be-00-00-02-00', '--wait', '1'],
  slow: { address: '10.61.0.2', device: 'slow0', delayMs: 10 },
}

/** The expected verdict for an address of the mixed block, by its last byte. 64 of 256 time out and 13 are rejected. */
export function verdictOf(lastByte) {
  if (lastByte % 4 === 1) return 'timeout'
  return lastByte % 20 === 2 ? 'unreachable' : 'reply'
}

/** As many as the largest group of concurrent contestants. */
const placeNames = Array.from({ length: 7 }, (_, index) => `place${index}`)

const rejected = Array.from({ length: 256 }, (_, i) => i).filter(i => verdictOf(i) === 'unreachable')

const sysctls = Object.fromEntries(
  Object.entries({
    'net.ipv4.icmp_ratelimit': 0,
    'net.ipv4.icmp_msgs_per_sec': 10_000_000,
    'net.ipv4.icmp_msgs_burst': 10_000_000,
    'net.ipv4.ping_group_range': '0 2147483647',
    'net.ipv4.ip_local_port_range': '1024 65535',
    // With more than some 25,000 closed connections to one server, connect(2) takes long to find a free port.
    'net.ipv4.tcp_max_tw_buckets': 4096,
    'net.ipv4.conf.all.rp_filter': 0,
    'net.ipv4.conf.default.rp_filter': 0,
    'net.ipv6.conf.all.disable_ipv6': 1,
    'net.ipv6.conf.default.disable_ipv6': 1,
  }).map(([name, value]) => [name, { value, optional: true }]),
)

const rules = `
table ip bench {
  chain silent-tcp { type filter hook input priority 0; ip daddr ${plan.silentServer} tcp dport 1-65535 drop; }
}`

const mixedRules = `
table ip mixed {
  chain input {
    type filter hook input priority 0
    ip daddr & 255.255.0.3 == 10.80.0.1 drop
    ip daddr & 255.255.0.255 { ${rejected.map(byte => `10.80.0.${byte}`).join(', ')} } reject with icmp type host-unreachable
  }
}`

/** Creates the laboratory. It is removed however this process ends. */
export async function makeLab(program) {
  const { names } = makeNamespaces(['near', 'far', 'between', ...placeNames])
  const { near, far, between } = names
  const besides = placeNames.map(place => names[place])
  // Before the devices are created, because new devices inherit the `default` settings.
  for (const name of Object.values(names)) {
    applySysctls(name, sysctls)
    batch(name, ['link set lo up'])
  }
  for (const [index, device] of plan.devices.entries()) addCable(near, far, device, index)
  for (const [index, place] of besides.entries()) addCable(place, far, `place${index}`, 16 + index)
  batch(far, ['route add local 10.64.0.0/12 dev lo', 'route add local 10.80.0.0/16 dev lo'])
  batch(far, [`address add ${plan.silentServer}/32 dev lo`])
  addSlowCable(near, far, between)
  const inside =
    namespace =>
    (...command) => ['ip', 'netns', 'exec', namespace, ...command.map(String)]
  run('ip', ['netns', 'exec', far, 'nft', '-f', '-'], rules)
  await startServer(['ip', 'netns', 'exec', between, program('delay'), 'near', 'far', String(plan.slow.delayMs / 2)])
  /** Rewrites a command for near so that it runs at a place. */
  const atPlace = (index, command) => command.with(command.indexOf(near), besides[index])
  return { plan, inNear: inside(near), inFar: inside(far), atPlace }
}

/** Makes the mixed block behave as `verdictOf` says, until the returned function is called. */
export function mixCrowd(lab) {
  const [command, ...args] = lab.inFar('nft', '-f', '-')
  run(command, args, mixedRules)
  return () => run(command, [...args.slice(0, -2), 'delete', 'table', 'ip', 'mixed'])
}

function addCable(near, far, device, index) {
  const macs = [1, 2].map(side => `02:be:00:00:0${side}:${String(index).padStart(2, '0')}`)
  addVeth([near, device, macs[0], `10.62.${index}.1/24`], [far, device, macs[1], `10.62.${index}.2/24`])
  const gateway = `10.62.${index}.2`
  batch(near, [
    `neighbour replace ${gateway} lladdr ${macs[1]} nud permanent dev ${device}`,
    `route add 10.64.0.0/12 via ${gateway} dev ${device} metric ${index + 1}`,
    `route add 10.80.0.0/16 via ${gateway} dev ${device} metric ${index + 1}`,
    ...(index === 0 ? [`route add ${plan.silentServer}/32 via ${gateway} dev ${device}`] : []),
  ])
  batch(far, [`neighbour replace 10.62.${index}.1 lladdr ${macs[0]} nud permanent dev ${device}`])
}

/** Each end has the other end's MAC address, as on one cable. */
function addSlowCable(near, far, between) {
  const [mine, theirs] = ['02:be:00:00:01:61', '02:be:00:00:02:61']
  addVeth([near, 'slow0', mine, '10.61.0.1/24'], [between, 'near', '02:be:00:00:03:61'])
  addVeth([far, 'slow0', theirs, '10.61.0.2/24'], [between, 'far', '02:be:00:00:04:61'])
  batch(near, [`neighbour replace 10.61.0.2 lladdr ${theirs} nud permanent dev slow0`])
  batch(far, [`neighbour replace 10.61.0.1 lladdr ${mine} nud permanent dev slow0`])
}

function addVeth(...ends) {
  addLink(...ends.map(([namespace, device, mac]) => ({ namespace, device, mac })))
  for (const [namespace, device, , address] of ends) {
    batch(namespace, [...(address ? [`address add ${address} dev ${device}`] : []), `link set ${device} up`])
  }
}
