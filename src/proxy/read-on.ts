import type { Socket } from 'node:net'

type Done = (error?: NodeJS.ErrnoException | null) => void

/**
 * Reads a connection to its end even if the other end takes no more bytes: it may have answered early, such as with a refusal of what is
 * being sent. Node would drop what it has not read by then. `onBroken` is called before the end of a connection that broke.
 */
export function readOn(socket: Socket, onBroken: () => void): void {
  let isBroken = false
  const note = (done: Done) => (error?: NodeJS.ErrnoException | null) => {
    // One that has ended its side answers nothing more.
    if (!error || socket.readableEnded) return done(error)
    // EPIPE: what came behind its end was reset, and the end is one.
    isBroken ||= error.code !== 'EPIPE'
    done()
  }
  const { _write: write, _writev: writev } = socket
  socket._write = (bytes, encoding, done) => write.call(socket, bytes, encoding, note(done))
  socket._writev = (pieces, done) => writev!.call(socket, pieces, note(done))
  // The kernel reports an error once. After a write has had it, the connection seems to end as it should.
  socket.prependListener('end', () => isBroken && onBroken()).prependListener('error', onBroken)
}
