const units = { B: 1, kB: 1e3, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

/** `500kB`, `15MB`, `1.5 GiB` in bytes. Undefined: it is no size. */
export function size(text: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([a-zA-Z]+)$/.exec(text.trim()) ?? []
  if (number === undefined || !Object.hasOwn(units, unit!)) return undefined
  return Math.round(Number(number) * units[unit as keyof typeof units])
}
