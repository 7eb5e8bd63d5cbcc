import { nodes, thisNode } from '../runtimes/nodes.mjs'

/**
 * Tests that depend on Node's own classes (net, tls, http, dgram, workers, SQLite), or run netvia's command. All others run on one
 * Node, because the addon and the kernel do that work. test/runtimes/smoke.mjs checks on every Node what a Node could change.
 */
const ofNode = [
  'captive-portal',
  'check-http',
  'cli.test',
  'cli-familiar',
  'connect',
  'dns',
  'exporter',
  'groups',
  'history',
  'http-clients',
  'mapped-addresses',
  'npm-peers',
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
/** Behaves like its older or its newer neighbour. Only `npm run test:runtimes` runs on it. */
const between = 'Node 22'

const filesOf = parts => parts.map(part => `test/network/${part}`)

/**
 * The Nodes for the network tests, with the vitest arguments that select the files, and the number of runs ("shards"). Without
 * `filters`, the most used version runs all files, and the others those in `ofNode`. The most used one comes first, because a long
 * run that starts last runs alone at the end.
 */
export function everyNode(filters) {
  const others = nodes().filter(({ name }) => name !== thisNode && name !== between)
  const all = [{ name: thisNode, path: process.execPath }, ...others]
  const isMostUsed = ({ name }) => name === mostUsed
  return [...all.filter(isMostUsed), ...all.filter(node => !isMostUsed(node))].map(node => ({
    ...node,
    ...(filters.length ? { files: filters, shards: 1 } : partOf(node.name)),
  }))
}

function partOf(name) {
  return name === mostUsed ? { files: [], shards: 6 } : { files: filesOf(ofNode), shards: 2 }
}
