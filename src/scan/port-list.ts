import { invalidArgument } from '../errors.js'
import { type Check, port } from '../options.js'

/** Ports as text, `22,80,8000-8100`, or a list of numbers and such texts. */
export type PortList = string | readonly (number | string)[]

/** The ports of a list without duplicates, in the list's order. Pure. */
export function parsePorts(list: PortList, name: string): number[] {
  const ports = new Set<number>()
  for (const item of typeof list === 'string' ? list.split(',') : list) {
    const [first, last] = typeof item === 'number' ? [item, item] : parseRange(item, name)
    port(first, name)
    port(last, name)
    if (first > last) throw invalidArgument(name, item, 'a range from a lower to a higher port')
    for (let number = first; number <= last; number++) ports.add(number)
  }
  if (ports.size === 0) throw invalidArgument(name, list, 'at least one port')
  return [...ports]
}

export const portList: Check = (value, name) => {
  if (typeof value !== 'string' && !Array.isArray(value)) {
    throw invalidArgument(name, value, 'a list of ports such as "22,80,8000-8100", or an array')
  }
  return parsePorts(value, name)
}

function parseRange(item: string, name: string): [number, number] {
  const [, first, last] = /^\s*(\d{1,5})\s*(?:-\s*(\d{1,5})\s*)?$/.exec(item) ?? []
  if (first === undefined) throw invalidArgument(name, item, 'a port such as "22" or a range such as "8000-8100"')
  return [Number(first), Number(last ?? first)]
}
