import { nodes, thisNode } from '../runtimes/nodes.mjs'

/**
 * Tests that depend on Node's own classes (net, tls, http, dgram, workers, SQLite), or run netvia's command. All others run on one
 * Node, because the addon and the kernel do that work. test/runtimes/smoke.mjs checks on every Node what a Node could change.
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
  network: [
    'cli.test',
    'connect',
    'exporter',
    'history',
    'http-clients',
    'npm-peers',
    'paths',
    'proxy',
    'socket-clients',
    'udp',
  ],
}

const mostUsed = 'Node 24'
/** Behaves like its older or its newer neighbour. Only `npm run test:runtimes` runs on it. */
const between = 'Node 22'

/**
 * The Nodes for the tests of `project`, with the vitest arguments that select the files, and the number of runs ("shards"). Without
 * `filters`, the most used version runs all files, and the others those in `ofNode`. The most used one comes first, because a long
 * run that starts last runs alone at the end.
 */
export function everyNode(project, filters) {
  const others = nodes().filter(({ name }) => name !== thisNode && name !== between)
  const all = [{ name: thisNode, path: process.execPath }, ...others]
  const isMostUsed = ({ name }) => name === mostUsed
  return [...all.filter(isMostUsed), ...all.filter(node => !isMostUsed(node))].map(node => ({
    ...node,
    ...(filters.length ? { files: filters, shards: 1 } : partOf(project, isMostUsed(node))),
  }))
}

/** A run of unit tests uses all processors by itself. */
function partOf(project, whole) {
  const files = whole ? [] : ofNode[project].map(part => `test/${project}/${part}`)
  return { files, shards: project === 'unit' ? 1 : whole ? 6 : 2 }
}
