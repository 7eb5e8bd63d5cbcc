import { createServer, type Server, type Socket } from 'node:net'
import { NetviaError } from '../../../errors.js'
import { keepsForces, type UplinkMonitor } from '../../../monitor/monitor.js'
import type { Forced } from '../../../monitor/record/event-types.js'
import type { ProxyStatistics } from '../../../proxy/statistics.js'
import { type MonitorAnswer, type MonitorRequest, type MonitorStatus, named } from '../../shared/monitor-socket.js'
import { inUse } from '../web/page-snapshot.js'
import { listenAt } from './listen.js'

/** More clients than there will ever be at the same time. */
const maxConnections = 16
/** In bytes. A name and a reason fit. */
const longestRequest = 4096
/** Milliseconds for a whole exchange with a client, including the time it takes to read. */
const patience = 5000

export interface ControlEvents {
  /** `forced` is null if the checks decide again. */
  forced(uplink: string, forced: Forced | null): void
}

/** Answers one line of JSON for each connection: `status` or `force`. */
export class Control {
  readonly server: Server
  readonly #monitor: UplinkMonitor
  readonly #events: ControlEvents
  readonly #proxied: () => ProxyStatistics | undefined
  readonly #sockets = new Set<Socket>()
  #removeFile = () => {}

  constructor(monitor: UplinkMonitor, events: ControlEvents, proxied: () => ProxyStatistics | undefined) {
    this.#monitor = monitor
    this.#events = events
    this.#proxied = proxied
    this.server = createServer(socket => this.#serve(socket))
    this.server.maxConnections = maxConnections
  }

  async listen(path: string, group: string | undefined): Promise<void> {
    this.#removeFile = await listenAt(this.server, path, group)
  }

  /** Removes the socket's file as well. */
  close(): void {
    this.#removeFile()
    this.server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #serve(socket: Socket): void {
    const timer = setTimeout(() => socket.destroy(), patience)
    this.#sockets.add(socket)
    socket.on('close', () => {
      clearTimeout(timer)
      this.#sockets.delete(socket)
    })
    // A client that has gone needs no answer.
    socket.on('error', () => {})
    let held = Buffer.alloc(0)
    const receive = (data: Buffer) => {
      held = Buffer.concat([held, data])
      const end = held.indexOf('\n')
      if (end === -1 && held.length <= longestRequest) return
      socket.off('data', receive).resume()
      const line = end === -1 || end > longestRequest ? undefined : held.toString('utf8', 0, end)
      this.#answer(line).then(answer => socket.end(`${JSON.stringify(answer)}\n`))
    }
    socket.on('data', receive)
  }

  async #answer(line: string | undefined): Promise<MonitorAnswer> {
    try {
      if (line === undefined)
        throw new NetviaError(`longer than ${longestRequest} bytes`, { code: 'ERR_INVALID_ARG_VALUE' })
      await this.#obey(requestIn(line))
      return { status: this.#status() }
    } catch (error) {
      const { code = 'ERR_INVALID_STATE', message } = error as NodeJS.ErrnoException
      return { error: { code, message } }
    }
  }

  async #obey(request: MonitorRequest): Promise<void> {
    if (request.command === 'status') return
    const { command: _command, uplink, state, ...options } = request
    // Refuses an unknown one.
    named(uplink, this.#monitor.snapshot().uplinks)
    await this.#monitor.force(uplink, state, options)
    // A reload may have removed it meanwhile.
    const found = this.#monitor.snapshot().uplinks.find(({ name }) => name === uplink)
    this.#events.forced(uplink, found?.forced ?? null)
  }

  #status(): MonitorStatus {
    const { at, uplinks } = this.#monitor.snapshot()
    return {
      ...{ at, uplinks, inUse: inUse(this.#monitor) },
      keepsForces: keepsForces(this.#monitor),
      proxy: this.#proxied(),
    }
  }
}

function requestIn(line: string): MonitorRequest {
  try {
    const request = JSON.parse(line)
    if (['status', 'force'].includes(request?.command)) return request
  } catch {
    // As below.
  }
  throw new NetviaError('a request is a line of JSON with the command status or force', {
    code: 'ERR_INVALID_ARG_VALUE',
  })
}
