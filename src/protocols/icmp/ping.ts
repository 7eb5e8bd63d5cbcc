import { turnDue } from '../../runtime/turns.js'
import {
  acquirePath,
  checkPingOptions,
  findTarget,
  type PingOptions,
  pingDefaults,
  pingSchema,
  prepare,
} from './ping-options.js'
import { EchoRequest, type Verdict } from './probe/echo-request.js'
import type { SocketPool } from './probe/socket-pool.js'
import { type PingResult, type Target, toResult } from './result.js'

/**
 * Sends one ICMP echo request (RFC 792, RFC 4443) and returns the outcome. Probe results are values, never errors: `reply`,
 * `timeout`, `unreachable`, `ttl-exceeded`, `too-big`, and `send-failed` if this machine refuses to send.
 *
 * For a group (multicast, or a broadcast address with `broadcast`), `ping` returns the first reply. `pings` returns all of
 * them. This machine's own answer doesn't count, except on loopback.
 *
 * A reply counts only if identifier, sequence number, source and random cookie match. `rttMs` is the difference of kernel
 * timestamps if `clock` is `kernel`.
 *
 * @throws NetviaError for local errors: `ERR_INVALID_ARG_VALUE`; `ERR_OFF_PATH` for an address of the device itself; `EPERM` or
 * `EACCES` without permission for either kind of socket (the `hint` says how to get it); `ENODEV` if the device doesn't exist;
 * the errors of `resolve` for a name; `signal.reason` when aborted.
 */
export async function ping(host: string, given: PingOptions = {}): Promise<PingResult> {
  const options = checkPingOptions('ping', host, given, pingSchema)
  const { signal } = options
  signal?.throwIfAborted()
  const target = await findTarget(host, options)
  signal?.throwIfAborted()
  return probeOnce(target, options)
}

async function probeOnce(target: Target, options: PingOptions): Promise<PingResult> {
  const path = acquirePath(target.family, options)
  try {
    await path.ready
    await turnDue()
    options.signal?.throwIfAborted()
    return await answer(path, target, options)
  } finally {
    path.release()
  }
}

function answer(path: SocketPool, target: Target, options: PingOptions): Promise<PingResult> {
  const { signal, timeout = pingDefaults.timeout, ttl } = options
  const { address, template } = prepare(target, options)
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      path.cancel(request)
      reject(signal!.reason)
    }
    const owner = {
      settled(verdict: Verdict) {
        signal?.removeEventListener('abort', onAbort)
        resolve(toResult(target, 0, verdict))
      },
    }
    const request = new EchoRequest(owner, template, timeout, { hops: ttl })
    signal?.addEventListener('abort', onAbort, { once: true })
    path.submit(request, address)
  })
}
