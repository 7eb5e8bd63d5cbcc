import { nodes, thisNode } from '../runtimes/nodes.mjs'

/** The oldest Node and the one that most users have. */
const main = ['Node 20', 'Node 24']

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
].map(part => `test/network/${part}`)

/** The other Nodes. Without `filters`, those that are not the main ones run what depends on Node alone: the addon is the same for all. */
export function otherNodes(filters) {
  return nodes()
    .filter(({ name }) => name !== thisNode)
    .map(node => (filters.length || main.includes(node.name) ? node : { ...node, files: ofNode }))
}
