import { plural } from './format.js'

/** Bytes that may wait for a reader. */
const most = 1 << 20

/**
 * The output of a service. A reader that stops, such as a log daemon that hangs, neither blocks the service nor fills its memory: further
 * lines are left out, and counted.
 */
export class ServiceOutput {
  readonly #lost = new Map<NodeJS.WriteStream, number>()

  constructor(streams: readonly NodeJS.WriteStream[]) {
    for (const stream of streams) if (stream.isTTY) unblock(stream)
  }

  write(stream: NodeJS.WriteStream, text: string): void {
    const lost = this.#lost.get(stream) ?? 0
    if (stream.writableLength > most) {
      this.#lost.set(stream, lost + text.split('\n').length - 1)
      return
    }
    if (lost > 0) {
      this.#lost.delete(stream)
      this.write(process.stderr, `netvia: ${plural(lost, 'line')} left out, because nothing read them\n`)
    }
    stream.write(text)
  }
}

/** Node writes to terminals synchronously, and one that is stopped, or whose connection is lost, would hold up everything. */
function unblock(stream: NodeJS.WriteStream): void {
  const { _handle: handle } = stream as unknown as { _handle?: { setBlocking?(blocking: boolean): void } }
  handle?.setBlocking?.(false)
}
