// Parses the parts of elf(5) that show what a shared object is and needs. Like a loader, it reads the program headers.

const mips = 8
const PT = { load: 1, dynamic: 2, mipsAbiFlags: 0x70000003 }
const DT = {
  needed: 1,
  hash: 4,
  stringTable: 5,
  symbolTable: 6,
  textRelocations: 22,
  flags: 30,
  versionNeeded: 0x6ffffffe,
}

/** Reads numbers at offsets in a file, in the file's class and byte order. */
class Reader {
  constructor(bytes) {
    this.bytes = bytes
    this.wide = bytes[4] === 2
    this.little = bytes[5] === 1
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }
  half = offset => this.view.getUint16(offset, this.little)
  word = offset => this.view.getUint32(offset, this.little)
  /** An address or a size, in 4 or 8 bytes. */
  long = offset => (this.wide ? Number(this.view.getBigUint64(offset, this.little)) : this.word(offset))
  text(offset) {
    return this.bytes.toString('latin1', offset, this.bytes.indexOf(0, offset))
  }
}

/** Parses the headers of a shared object. Throws if the file isn't one. */
export function readElf(bytes) {
  if (bytes.toString('latin1', 0, 4) !== '\x7fELF') throw new Error('not an ELF file')
  const reader = new Reader(bytes)
  const { wide, little, half, word, long } = reader
  const segments = Array.from({ length: half(wide ? 56 : 44) }, (_, index) => {
    const at = long(wide ? 32 : 28) + index * half(wide ? 54 : 42)
    const [offset, address, size, align] = wide ? [8, 16, 32, 48] : [4, 8, 16, 28]
    return {
      type: word(at),
      offset: long(at + offset),
      address: long(at + address),
      size: long(at + size),
      align: long(at + align),
    }
  })
  const loaded = segments.filter(segment => segment.type === PT.load)
  const abiFlags = half(18) === mips && segments.find(segment => segment.type === PT.mipsAbiFlags)
  return {
    bits: wide ? 64 : 32,
    little,
    machine: half(18),
    flags: word(wide ? 48 : 36),
    sections: half(wide ? 60 : 48),
    loaded,
    /** The end of the bytes that a loader may read. */
    end: Math.max(...segments.map(segment => segment.offset + segment.size)),
    /** The offset of the MIPS floating-point ABI, which glibc's loader compares with that of the process. */
    mipsFloatAbi: abiFlags ? abiFlags.offset + 7 : undefined,
    ...readDynamic(reader, segments, loaded),
  }
}

function readDynamic(reader, segments, loaded) {
  const { wide, half, word, long } = reader
  const { offset, size } = segments.find(segment => segment.type === PT.dynamic)
  const step = wide ? 16 : 8
  const entries = Array.from({ length: size / step }, (_, index) => ({
    tag: long(offset + index * step),
    value: long(offset + index * step + step / 2),
  }))
  const find = tag => entries.find(entry => entry.tag === tag)?.value
  const at = address => {
    const segment = loaded.find(({ address: start, size }) => address >= start && address < start + size)
    return address - segment.address + segment.offset
  }
  const strings = at(find(DT.stringTable))
  const symbols = at(find(DT.symbolTable))
  // The hash table has one chain entry per symbol.
  const count = word(at(find(DT.hash)) + 4)
  const undefinedNames = []
  const definedNames = []
  for (let index = 1; index < count; index++) {
    const symbol = symbols + index * (wide ? 24 : 16)
    const name = reader.text(strings + word(symbol))
    const section = half(symbol + (wide ? 6 : 14))
    ;(section === 0 ? undefinedNames : definedNames).push(name)
  }
  const needed = entries.filter(({ tag }) => tag === DT.needed).map(({ value }) => reader.text(strings + value))
  return {
    needed,
    versioned: find(DT.versionNeeded) !== undefined,
    textRelocations: find(DT.textRelocations) !== undefined || ((find(DT.flags) ?? 0) & 4) !== 0,
    undefinedNames,
    definedNames,
  }
}
