import { addon } from '../../binding/addon.js'
import type { SendBatch } from '../../sockets/send-batch.js'
import { decodeRunning, encodeLinkRequest } from './link.js'
import { encodeMessage, MessageFlag, MessageType, type NetlinkMessage } from './message.js'
import { batchOf, openNetlink, receive, send } from './request.js'

/** As many answers as one receive takes, and the socket's buffer has room for. */
const devicesAtOnce = 32

/**
 * Reads whether some devices, given by their indexes, are running: as often as one likes. A dump tells everything of every device of the
 * machine; this asks for little, of those alone, over a socket that stays open.
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

  /** By index. Of devices that are gone nothing is told. */
  read(): Map<number, boolean> {
    return new Map(
      this.#requests.flatMap(request => {
        send(this.#fd, request)
        return receive(this.#fd, decodeAnswer)
      }),
    )
  }

  close(): void {
    addon().close(this.#fd)
  }
}

function encodeRequest(index: number): Uint8Array {
  return encodeMessage(MessageType.getLink, MessageFlag.request, 1, encodeLinkRequest(index))
}

/** What is no link says that there is no such device. */
function decodeAnswer({ type, payload }: NetlinkMessage): [index: number, running: boolean] | undefined {
  return type === MessageType.newLink ? decodeRunning(payload) : undefined
}
