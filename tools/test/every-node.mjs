import { nodes, thisNode } from '../runtimes/nodes.mjs'

/**
 * Made of packets and netlink, which come from the addon and the kernel, or of the laboratory: whatever a Node could change of that,
 * test/runtimes/smoke.mjs looks at on each. These run on one Node.
 */
const ofPackets = [
  'devices',
  'foreign-replies',
  'forged-errors',
  'lab',
  'mtr',
  'path-mtu',
  'ping',
  'port-sweep',
  'routed-lan',
  'routing',
  'sweep',
  'traceroute',
]

/** What is made of Node's own classes (net, tls, http, dgram, workers, SQLite), or is a whole program of netvia's. */
const ofNode = [
  'check-http',
  'cli.test',
  'cli-familiar',
  'connect',
  'dns',
  'groups',
  'history',
  'http-clients',
  'mapped-addresses',
  'paths',
  'proxy',
  'race',
  'reused-options',
  'socket-clients',
  'udp',
  'uplink-failover',
  'zones',
]

const mostUsed = 'Node 24'

const filesOf = parts => parts.map(part => `test/network/${part}`)

/**
 * The Nodes for the network tests, each with the vitest arguments that choose its files, and into how many runs they are divided. Without
 * `filters`, the one that most users have runs all files, this Node all but those of packets, and the rest what depends on Node most.
 */
export function everyNode(filters) {
  const others = nodes().filter(({ name }) => name !== thisNode)
  return [...others, { name: thisNode, path: process.execPath }].map(node => ({
    ...node,
    ...(filters.length ? { files: filters, shards: 1 } : partOf(node.name)),
  }))
}

function partOf(name) {
  if (name === mostUsed) return { files: [], shards: 6 }
  if (name !== thisNode) return { files: filesOf(ofNode), shards: 3 }
  return { files: filesOf(ofPackets).map(part => `--exclude=${part}*`), shards: 6 }
}
