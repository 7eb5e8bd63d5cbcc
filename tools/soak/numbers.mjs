// Sends a stream of ascending numbers, 4 KB every 5 ms, and checks it at the other end.

/** Sends until the socket closes. */
export function sendNumbers(socket) {
  let next = 0
  const timer = setInterval(() => socket.write(Buffer.from(Uint32Array.from({ length: 1024 }, () => next++).buffer)), 5)
  socket.on('close', () => clearInterval(timer))
}

/** Checks each received number, and measures the longest silence since the last call of `watch`. */
export function readNumbers(socket) {
  let rest = Buffer.alloc(0)
  let next = 0
  let last = performance.now()
  const state = {
    received: 0,
    wrong: 0,
    silenceMs: 0,
    watch() {
      state.silenceMs = 0
      last = performance.now()
    },
  }
  socket.on('data', chunk => {
    const now = performance.now()
    state.silenceMs = Math.max(state.silenceMs, now - last)
    last = now
    state.received += chunk.length
    const bytes = Buffer.concat([rest, chunk])
    let at = 0
    for (; at + 4 <= bytes.length; at += 4) if (bytes.readUInt32LE(at) !== next++) state.wrong++
    rest = bytes.subarray(at)
  })
  return state
}
