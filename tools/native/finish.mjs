import { readElf } from './elf.mjs'

/** A built addon without what no loader reads: section headers and the sections that are not mapped. */
export function finish(bytes) {
  const { bits, end, mipsFloatAbi } = readElf(bytes)
  const file = Buffer.from(bytes.subarray(0, end))
  const [sections, numbers] = bits === 64 ? [40, 58] : [32, 46]
  file.fill(0, sections, sections + bits / 8) // e_shoff
  file.fill(0, numbers, numbers + 6) // e_shentsize, e_shnum, e_shstrndx
  // Compiled for soft float, but it has no floating point at all (inspect.mjs): glibc may load it into either kind of process.
  if (mipsFloatAbi) file[mipsFloatAbi] = 0
  return file
}
