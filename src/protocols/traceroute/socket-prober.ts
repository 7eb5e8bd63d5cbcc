import { addon } from '../../binding/addon.js'
import { pathOf } from '../../options.js'
import { encodeAddress } from '../../sockets/address.js'
import { openDescriptor } from '../../sockets/open.js'
import { onDeviceLoss } from '../../system/device-loss.js'
import { targetOnPath } from '../../system/this-host.js'
import type { Target } from '../icmp/result.js'
import { stampingOn, Timestamps } from '../icmp/socket/timestamps.js'
import type { TraceSettings } from './options.js'
import { ipHeaderLength, type Prober, type TraceProbe } from './prober.js'
import { RefusalStamps } from './refusal-stamps.js'
import type { SocketProbe } from './socket-probe.js'
import { TcpProbe } from './tcp-probe.js'
import { UdpProbe } from './udp-probe.js'

const udpHeaderLength = 8
const defaultPort = { udp: 33_434, tcp: 80 } as const

/** Gives each probe its own descriptor, so that the kernel finds the probe that an ICMP error is about. */
export class SocketProber implements Prober {
  readonly ready = stampingOn()
  readonly hiddenBytes: number
  readonly #target: Target
  readonly #settings: TraceSettings
  readonly #sourcePort: number | undefined
  readonly #pending = new Set<SocketProbe>()
  /** Keeps the kernel's timestamps on, and notices when the device is deleted. */
  readonly #anchor: number
  readonly #refusals: RefusalStamps | undefined
  readonly #endLossWatch: () => void
  #closed = false

  constructor(target: Target, settings: TraceSettings, sourcePort?: number) {
    const { family } = target
    this.#target = target
    this.#settings = settings
    this.#sourcePort = sourcePort
    this.#addressAt(0)
    this.hiddenBytes = ipHeaderLength[family] + (settings.method === 'udp' ? udpHeaderLength : 0)
    this.#anchor = openDescriptor(family, 'datagram', 0, pathOf(settings))
    new Timestamps(this.#anchor, false)
    if (settings.method === 'tcp') {
      this.#refusals = RefusalStamps.open(family, this.#addressAt(settings.port ?? defaultPort.tcp), pathOf(settings))
    }
    this.#endLossWatch = onDeviceLoss(this.#anchor, settings.device, error => {
      for (const probe of [...this.#pending]) probe.fail(error as Error)
    })
  }

  send(
    hops: number,
    sequence: number,
    settled: (probe: TraceProbe) => void,
    timeout = this.#settings.timeout,
  ): () => void {
    const { method, port, payloadSize = 32 } = this.#settings
    const sourcePort = this.#sourcePort
    const ownPort = sourcePort === undefined ? sequence : 0
    const { family } = this.#target
    const done = (probe: TraceProbe) => {
      this.#pending.delete(probe as SocketProbe)
      settled(probe)
    }
    const { hiddenBytes } = this
    const order = { family, hops, timeout, hiddenBytes, sourcePort, path: pathOf(this.#settings), settled: done }
    const probe: SocketProbe =
      method === 'udp'
        ? new UdpProbe(order, this.#addressAt(port ?? defaultPort.udp + ownPort), payloadSize)
        : new TcpProbe(order, this.#addressAt(port ?? defaultPort.tcp), this.#refusals)
    this.#pending.add(probe)
    probe.start()
    return () => {
      this.#pending.delete(probe)
      probe.close()
    }
  }

  #addressAt(port: number): Uint8Array {
    return targetOnPath(encodeAddress(this.#target.address, port), this.#settings.device)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#endLossWatch()
    this.#refusals?.close()
    addon().close(this.#anchor)
  }
}
