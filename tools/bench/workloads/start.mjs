// The cost of starting: Node alone, with the library imported, and up to the first reply.
import { memory } from './columns.mjs'

export function start({ lab, smoke, driver }) {
  const repeat = smoke ? 2 : 10
  const node = (name, role, code) => ({
    name,
    role,
    repeat,
    sumUp: least,
    command: lab.inNear(process.execPath, '-e', code),
    read: readStart,
  })
  return {
    title: 'Start: Node, Node with netvia imported, and to the first answer',
    contestants: [
      node('node -e 0', 'baseline', '0'),
      node("import('node:fs')", 'baseline', "import('node:fs')"),
      node("import('netvia')", 'netvia', "import('netvia')"),
      node("require('netvia')", 'netvia', "require('netvia')"),
      node(
        'require and one ping',
        'netvia',
        "require('netvia').ping('127.0.0.1').then(({ alive }) => process.exit(alive ? 0 : 1))",
      ),
      {
        name: 'import and one ping',
        role: 'netvia',
        repeat,
        sumUp: least,
        command: driver('first-ping'),
        read: readStart,
      },
    ],
    columns: [{ metric: 'startMs', title: 'time', unit: 'ms' }, { metric: 'cpuMs', title: 'CPU', unit: 'ms' }, memory],
    chart: { metric: 'startMs', unit: 'ms', note: 'from start to end of the process; less is better' },
    targets: [
      {
        text: "import('netvia') over node -e 0, ms",
        metric: 'startMs',
        of: "import('netvia')",
        over: 'node -e 0',
        compare: 'difference',
        atMost: 12,
      },
      {
        text: "CPU of import('netvia') over node -e 0, ms",
        metric: 'cpuMs',
        of: "import('netvia')",
        over: 'node -e 0',
        compare: 'difference',
        atMost: 12,
      },
      {
        text: 'to the first answer over node -e 0',
        metric: 'startMs',
        of: 'import and one ping',
        over: 'node -e 0',
        atMost: 2,
      },
      {
        text: 'memory of the import over node -e 0, MB',
        metric: 'memoryMb',
        of: "import('netvia')",
        over: 'node -e 0',
        compare: 'difference',
        atMost: 6,
      },
      {
        text: 'memory of require and one ping over node -e 0, MB',
        metric: 'memoryMb',
        of: 'require and one ping',
        over: 'node -e 0',
        compare: 'difference',
        atMost: 6,
      },
      {
        text: 'memory of import and one ping over a Node that imports, MB',
        metric: 'memoryMb',
        of: 'import and one ping',
        over: "import('node:fs')",
        compare: 'difference',
        atMost: 6,
      },
    ],
  }
}

/** Every start does the same work, so anything above the minimum was caused by other load on the machine. */
const least = values => Math.min(...values)

function readStart({ code, stderr, cost }) {
  if (code !== 0) throw new Error(stderr.trim() || `exit code ${code}`)
  return { items: 1, startMs: cost.wallSeconds * 1000, cpuMs: cost.processCpuSeconds * 1000 }
}
