import { addon } from '../../binding/addon.js'
import type { SendBatch } from '../../sockets/send-batch.js'
import { decodeRunning, encodeLinkRequest } from './link.js'
import { encodeMessage, MessageFlag, MessageType, type NetlinkMessage } from './message.js'
import { ask, batchOf, openNetlink } from './request.js'

/** Requests per batch. One receive takes as many answers, and the socket's buffer has room for them. */
const devicesAtOnce = 32

/**
 * Reads whether given devices are running, cheaply enough to call often. A dump returns everything about every device. This
 * asks only about some devices, over a socket that stays open.
 */
export class RunningReader {
  readonly #requests: SendBatch[] = []
  readonly #fd: number

  constructor(indexes: readonly number[]) {
    for (let first = 0; first < indexes.length; first += devicesAtOnce) {
      const messages = indexes.slice(first, first + devicesAtOnce).map(encodeRequest)
      this.#requests.push(batchOf(Buffer.concat(messages)))
    }
    this.#fd = openNetlink()
  }

  /** Returns the results by index. Devices that no longer exist are missing. */
  read(): Map<number, boolean> {
    return new Map(this.#requests.flatMap(request => ask(this.#fd, request, decodeAnswer)))
  }

  close(): void {
    addon().close(this.#fd)
  }
}

function encodeRequest(index: number): Uint8Array {
  return encodeMessage(MessageType.getLink, MessageFlag.request, 1, encodeLinkRequest(index))
}

/** An answer that isn't a link means that the device doesn't exist. */
function decodeAnswer({ type, payload }: NetlinkMessage): [index: number, running: boolean] | undefined {
  return type === MessageType.newLink ? decodeRunning(payload) : undefined
}
