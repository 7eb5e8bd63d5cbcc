/**
 * The files of the library ("parts"), with the folders and modules of src that each contains. A part loads the earlier parts that it
 * uses immediately, and a later part on first use. So a program compiles only what it calls, even if it imports all names: the
 * three parts after timers define them.
 */
const parts = {
  timers: ['builtins', 'runtime/isolated', 'runtime/timers'],
  // Everything that checks the arguments of calls, and the base classes.
  basics: [
    ...['errors', 'host-port', 'monotonic', 'options', 'stats', 'checks/(outcome|http/options)'],
    ...['group/call-options', 'line/(rate/rate-limits|server-address)', 'protocols/dns/(records|server-address)'],
    ...['protocols/http/(agent-options|fetch)', 'protocols/icmp/ping-options', 'protocols/traceroute/options'],
    ...['protocols/tcp/(dial|keep-alive|tls-options|multipath/options)', 'runtime/(result-.+|serial-queue)'],
    ...['scan/port-list', 'sockets/(ip|options|socket-options|zone)'],
  ],
  // The calls themselves: first those that probe or resolve, then all others.
  probing: [
    ...['protocols/icmp/(packet/codec|pings?|socket/icmp-socket|sweep/sweep)', 'protocols/traceroute/traceroutes?'],
    ...['protocols/dns/(lookup|resolve)', 'sockets/tcp-info'],
  ],
  calls: [
    ...['checks/(check-.+|http/check-http)', 'group/group', 'line/(inspect-line|nat|serve-line|rate/measure-rate)'],
    ...['monitor/(monitor|instrument)', 'protocols/http/agent'],
    ...['protocols/path-mtu/path-mtu', 'protocols/tcp/(connect|connect-tls|listen|multipath/info)'],
    ...['protocols/udp/open-udp(-packets)?', 'proxy/listen-proxy', 'routing/routing', 'scan/(scan|sweep)-ports'],
    ...['system/devices/(devices|neighbours|watch)', 'system/privileges/privileges', 'via'],
  ],
  foundation: [
    ...[
      'runtime',
      'binding',
      'sockets',
      'system/netlink',
      'system/(reach|this-host)',
      'system/device-(down|loss|return)',
    ],
    ...['protocols/dns', 'protocols/connect(ing|-descriptor)', 'protocols/closable-socket'],
  ],
  probes: ['protocols/icmp', 'protocols/targets'],
  traces: ['protocols/traceroute'],
  checks: ['checks', 'protocols/tcp', 'protocols/http'],
  connections: ['system', 'protocols', 'scan', 'line'],
  uplinks: ['monitor', 'group', 'routing', 'proxy'],
}
const names = Object.keys(parts)

export const libraryParts = names.map(name => ({
  name,
  test: new RegExp(`^(?!.*node_modules).*/src/(${parts[name].join('|')})(/|\\.ts$)`),
}))

const getter =
  /^Object\.defineProperty\(exports, "(\w+)", \{\n\tenumerable: true,\n\tget: function\(\) \{\n\t\treturn ([\w$]+);\n\t\}\n\}\);\n/gm

/**
 * Replaces the getters that the bundler generates for the exports of a part by one object of plain values. Getters cost time at
 * startup, and at each use by another part until V8 has optimized them.
 */
export function plainExports(code) {
  const variables = new Set([...code.matchAll(/^let ([\w$]+)/gm)].map(([, name]) => name))
  const exported = [...code.matchAll(getter)].map(([, name, local]) => {
    if (variables.has(local)) return `get ${name}() { return ${local}; }`
    return name === local ? name : `${name}: ${local}`
  })
  return `${code.replace(getter, '').trimEnd()}\n\nmodule.exports = {\n\t${exported.join(',\n\t')}\n};\n`
}

/**
 * Makes a part load later parts on first use. `another` is created last, so a part that needs a later part during its own loading
 * fails instead of getting half of it. The lines of the existing code stay in place, so the source map still fits.
 */
export function lateParts(name, code) {
  if (!names.includes(name)) return code
  const late = []
  const begin = code.replace(/^const require_(\w+) = require\("\.\/\1\.cjs"\);$/gm, (line, other) => {
    if (names.indexOf(other) <= names.indexOf(name)) return line
    late.push(other)
    return `let ${other}_part;`
  })
  if (late.length === 0) return code
  const used = begin.replace(new RegExp(`\\brequire_(${late.join('|')})\\b`, 'g'), 'another.$1')
  const getters = late.map(other => `\tget ${other}() { return ${other}_part ??= require("./${other}.cjs"); }`)
  return `${used}\nconst another = {\n${getters.join(',\n')}\n};\n`
}

const fromPart =
  /exports\.(\w+) = require_(\w+)\.(\w+);|exports, "(\w+)", \{\n.*\n\tget: function\(\) \{\n\t\treturn require_(\w+)\.(\w+);/g

/** An entry that loads each part on first use. It loads timers immediately, before a test can replace Node's timers. */
export function lateEntry(code) {
  const getters = [...code.matchAll(fromPart)].map(([, ...found]) => {
    const [name, part, local] = found.filter(text => text !== undefined)
    return `\tget ${name}() { return require("./${part}.cjs").${local}; }`
  })
  return `require('./timers.cjs')\nmodule.exports = {\n${getters.join(',\n')}\n};\n`
}
