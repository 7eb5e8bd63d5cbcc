import type { Agent, ClientRequest, ClientRequestArgs } from 'node:http'
import type { Duplex } from 'node:stream'
import { lateParent, nodeHttp, nodeHttps } from '../builtins.js'
import type { NetviaError } from '../errors.js'
import type { Uplink } from '../monitor/settings.js'
import { pathOf } from '../options.js'
import { connector, HttpAgent, HttpsAgent } from '../protocols/http/agent.js'
import { nodeAgentOptions } from '../protocols/http/agent-options.js'
import type { Connector } from '../protocols/tcp/connect.js'

/** Members of Node's agents that its type declarations omit. */
interface NodeAgent extends Agent {
  addRequest(request: ClientRequest, options: ClientRequestArgs): void
}

type OnConnection = (error: Error | null, socket: Duplex) => void

/** How Node reports to a request that it gets no socket. */
type NoSocket = (this: ClientRequest, socket: null, error: unknown) => void

/** How a group's pools find their connections. */
export interface PoolSource {
  /** Picks the uplink for a new request, by its host. */
  pick(host: string): Uplink
  /** Makes the connections of an uplink's pool. */
  connector(uplink: Uplink): Connector
}

/** An agent that passes each request to the agent of the uplink picked for it. Each uplink has its own pool. */
function following(Base: typeof Agent, Own: typeof HttpAgent) {
  return class extends Base {
    readonly #source: PoolSource
    readonly #agents = new Map<string, NodeAgent>()

    constructor(source: PoolSource) {
      super(nodeAgentOptions({}))
      this.#source = source
    }

    /** Node calls this for each request. */
    addRequest(request: ClientRequest, options: ClientRequestArgs): void {
      try {
        this.#agent(this.#source.pick(options.host ?? 'localhost')).addRequest(request, options)
      } catch (error) {
        ;(request.onSocket as unknown as NoSocket).call(request, null, error)
      }
    }

    /** Libraries that make their own connections call this. Node's own would use the default route. */
    override createConnection(options: ClientRequestArgs, callback?: OnConnection): Duplex | null | undefined {
      return this.#agent(this.#source.pick(options.host ?? 'localhost')).createConnection(options, callback)
    }

    /** The uplink went down or its path changed: closes its idle connections, and with `cut` the busy ones too. */
    leave(uplink: string, cut: NetviaError | undefined): void {
      const agent = this.#agents.get(uplink)
      if (!agent) return
      this.#agents.delete(uplink)
      // Busy connections close when they are done.
      agent.maxFreeSockets = 0
      for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
      if (!cut) return
      for (const sockets of Object.values(agent.sockets)) for (const socket of sockets ?? []) socket.destroy(cut)
    }

    override destroy(): void {
      for (const agent of this.#agents.values()) agent.destroy()
      super.destroy()
    }

    #agent(uplink: Uplink): NodeAgent {
      let agent = this.#agents.get(uplink.name)
      if (!agent) {
        const own = Object.assign(new Own(pathOf(uplink)), { [connector]: this.#source.connector(uplink) })
        agent = own as Agent as NodeAgent
        this.#agents.set(uplink.name, agent)
      }
      return agent
    }
  }
}

/** For `http:` requests. */
export class GroupHttpAgent extends lateParent(() => following(nodeHttp().Agent, HttpAgent)) {}

/** For `https:` requests. */
export class GroupHttpsAgent extends lateParent(() => following(nodeHttps().Agent, HttpsAgent)) {}
