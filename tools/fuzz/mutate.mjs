/** Bytes and words at the boundaries of decoders' branches. */
const edges = [0, 1, 2, 3, 4, 7, 8, 15, 16, 20, 40, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xfe, 0xff]
const longest = 4096

const below = limit => Math.floor(Math.random() * limit)
const pick = list => list[below(list.length)]

const mutations = [
  bytes => flip(bytes, 1 << below(8)),
  bytes => flip(bytes, 1 + below(255)),
  bytes => put(bytes, [pick(edges)]),
  bytes => put(bytes, [below(256), below(256)]),
  bytes =>
    put(
      bytes,
      pick([
        [0, pick(edges)],
        [pick(edges), 0],
        [0xc0, below(64)],
        [0xff, 0xff, 0xff, 0xff],
      ]),
    ),
  bytes => insert(bytes, Buffer.from([pick(edges)])),
  bytes => insert(bytes, Buffer.alloc(1 + below(16), pick(edges))),
  bytes => insert(bytes, part(bytes)),
  bytes => bytes.subarray(0, below(bytes.length + 1)),
  bytes => cut(bytes),
]

/** A mutated copy of `bytes`, which may contain a part of `other` or a word of `dictionary`. */
export function mutate(bytes, other, dictionary) {
  let changed = Buffer.from(bytes)
  for (let left = 1 + below(4); left > 0; left--) {
    const kind = below(10)
    if (kind === 0) changed = insert(changed, part(other))
    else if (kind === 1 && dictionary.length > 0) changed = insert(changed, pick(dictionary))
    else if (changed.length === 0) changed = Buffer.from([below(256)])
    else changed = pick(mutations)(changed)
  }
  return changed.subarray(0, longest)
}

function flip(bytes, mask) {
  bytes[below(bytes.length)] ^= mask
  return bytes
}

function put(bytes, values) {
  const at = below(bytes.length)
  values.forEach((value, i) => {
    if (at + i < bytes.length) bytes[at + i] = value
  })
  return bytes
}

function insert(bytes, piece) {
  const at = below(bytes.length + 1)
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)])
}

function part(bytes) {
  const start = below(bytes.length + 1)
  return bytes.subarray(start, start + 1 + below(32))
}

function cut(bytes) {
  const start = below(bytes.length)
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + 1 + below(16))])
}
