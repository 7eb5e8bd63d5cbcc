import { expect, test, vi } from 'vitest'
import { NetviaError } from '../../src/errors.js'
import { SocketProbe } from '../../src/protocols/traceroute/socket-probe.js'
import { encodeAddress } from '../../src/sockets/address.js'

const down = new NetviaError('the device is down', { code: 'ENETDOWN' })
vi.mock('../../src/system/device-down.js', () => ({ deviceDown: () => down }))

/** A probe that sends nothing. Its answer, if any, is read when its time is over. */
class Probe extends SocketProbe {
  protected override readonly kind = 'datagram'
  protected override readonly syscall = 'none'

  static async of(isAnswered: boolean): Promise<Probe> {
    let settled: (() => void) | undefined
    const end = new Promise<void>(resolve => {
      settled = resolve
    })
    const order = { family: 4, hops: 1, timeout: 1, path: {}, sourcePort: undefined, hiddenBytes: 0 } as const
    const probe = new Probe({ ...order, settled: () => settled!() }, encodeAddress('127.0.0.1', 9), isAnswered)
    probe.start()
    await end
    return probe
  }

  private constructor(
    order: ConstructorParameters<typeof SocketProbe>[0],
    target: Uint8Array,
    private readonly isAnswered: boolean,
  ) {
    super(order, target)
  }

  protected override prepare(): void {}
  protected override launch(): number {
    return 0
  }
  protected override readAnswer(): void {
    if (this.isAnswered) this.settle('reply')
  }
  protected override isOwn(): boolean {
    return false
  }
}

test('an answer that is read when the time is over has no error, even if the device is down by then', async () => {
  expect(await Probe.of(true)).toMatchObject({ outcome: 'reply', error: undefined })
})

test('silence on a device that is down is a failure of this machine', async () => {
  expect(await Probe.of(false)).toMatchObject({ outcome: 'send-failed', error: down })
})
