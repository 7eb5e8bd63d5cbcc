import { nodes, thisNode } from '../runtimes/nodes.mjs'

/**
 * Tests that depend on Node's own classes (net, tls, http, dgram, workers, SQLite). All others run on one Node, because the addon and the
 * kernel do that work. test/runtimes/smoke.mjs checks on every Node what a Node could change.
 */
const ofNode = {
  unit: [
    'agent-memory',
    'builtins',
    'check-builds',
    'check-http',
    'connect',
    'contexts',
    'early-answers',
    'event-streams',
    'exporter-server',
    'fake-timers',
    'hostile-peers',
    'http',
    'keep-alive',
    'listen',
    'page-history',
    'permission-model',
    'pooled-connections',
    'proxy',
    'reset',
    'secure-contexts',
    'tls',
    'udp',
  ],
  network: ['connect', 'http-clients', 'npm-peers', 'socket-clients', 'udp'],
}

const mostUsed = 'Node 24'
/** Behaves like its older or its newer neighbour. Only `npm run test:runtimes` runs on it. */
const between = 'Node 22'

/**
 * The Nodes for the tests of `project`, with the vitest arguments that select the files, and the number of runs ("shards"). Without
 * `filters`, the most used version runs all files, and the others those in `ofNode`.
 */
export function everyNode(project, filters) {
  const others = nodes().filter(({ name }) => name !== thisNode && name !== between)
  return [{ name: thisNode, path: process.execPath }, ...others].map(node => ({
    ...node,
    ...(filters.length ? { files: filters, shards: 1 } : partOf(project, node.name !== mostUsed)),
  }))
}

/** A run of unit tests uses all processors by itself, and a part takes no longer than a shard of the whole. */
function partOf(project, isPart) {
  const files = isPart ? ofNode[project].map(part => `test/${project}/${part}`) : []
  return { isPart, files, shards: isPart || project === 'unit' ? 1 : 6 }
}
