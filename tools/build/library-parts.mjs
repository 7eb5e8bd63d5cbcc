/** The files of the library, each with folders and modules of src. A program that doesn't use a file doesn't compile it. */
const parts = {
  timers: ['builtins', 'runtime/isolated', 'runtime/timers'],
  foundation: [
    ...['errors', 'host-port', 'monotonic', 'options', 'stats', 'runtime', 'binding', 'sockets'],
    ...['system/netlink', 'system/reach', 'system/device-(loss|return)', 'checks/outcome'],
    ...['protocols/dns', 'protocols/connect-descriptor', 'protocols/closable-socket'],
  ],
  probes: ['protocols/icmp', 'protocols/targets', 'protocols/traceroute'],
  connections: ['system', 'protocols', 'scan', 'checks', 'line'],
  uplinks: ['monitor', 'group', 'routing', 'proxy', 'via'],
}
const names = Object.keys(parts)

export const libraryParts = names.map(name => ({
  name,
  test: new RegExp(`^(?!.*node_modules).*/src/(${parts[name].join('|')})(/|\\.ts$)`),
}))

/** One that needed a later one would be loaded with half of it. */
export function checkOrder(chunks) {
  for (const { name, imports } of Object.values(chunks)) {
    if (!names.includes(name)) continue
    const later = names.slice(names.indexOf(name)).find(other => imports.includes(`lib/${other}.cjs`))
    if (later)
      throw new Error(
        `dist/lib/${name}.cjs needs ${later}.cjs, which is loaded after it: tools/build/library-parts.mjs`,
      )
  }
}

const getter =
  /^Object\.defineProperty\(exports, "(\w+)", \{\n\tenumerable: true,\n\tget: function\(\) \{\n\t\treturn ([\w$]+);\n\t\}\n\}\);\n/gm

/**
 * What a part exports, as one object of plain values. The bundler makes a function for each name, which takes time at the start,
 * and then at each use by another part until V8 has optimized that.
 */
export function plainExports(code) {
  const variables = new Set([...code.matchAll(/^let ([\w$]+)/gm)].map(([, name]) => name))
  const exported = [...code.matchAll(getter)].map(([, name, local]) => {
    if (variables.has(local)) return `get ${name}() { return ${local}; }`
    return name === local ? name : `${name}: ${local}`
  })
  return `${code.replace(getter, '').trimEnd()}\n\nmodule.exports = {\n\t${exported.join(',\n\t')}\n};\n`
}

const fromPart =
  /exports\.(\w+) = require_(\w+)\.(\w+);|exports, "(\w+)", \{\n.*\n\tget: function\(\) \{\n\t\treturn require_(\w+)\.(\w+);/g

/** An entry that loads a part when something of it is first used; but timers immediately, before a test replaces Node's. */
export function lateEntry(code) {
  const getters = [...code.matchAll(fromPart)].map(([, ...found]) => {
    const [name, part, local] = found.filter(text => text !== undefined)
    return `\tget ${name}() { return require("./${part}.cjs").${local}; }`
  })
  return `require('./timers.cjs')\nmodule.exports = {\n${getters.join(',\n')}\n};\n`
}
