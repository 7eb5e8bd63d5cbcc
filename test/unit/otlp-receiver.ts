import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export const receiverProgram = fileURLToPath(new URL('otlp-receiver.mjs', import.meta.url))

export interface Point {
  name: string
  unit?: string
  kind: 'gauge' | 'sum' | 'histogram'
  monotonic?: boolean
  attributes: Record<string, string | number>
  value: number
  /** `at` is the time of the point and `begin` the start of the series, both in ms since the epoch. */
  at: number
  begin: number
}

export interface Received {
  signal: 'metrics' | 'logs'
  url: string
  /** The status of the answer. */
  status: number
  headers: Record<string, string>
  from: string
  /** The time at which this process learned of it, in ms since the epoch. */
  receivedAt: number
  /** The size of the body on the wire. */
  bytes: number
  resource: Record<string, string>
  points: Point[]
  records: {
    eventName: string
    severityText: string
    severityNumber: number
    timeUnixNano: number
    body: string
    attributes: Record<string, string>
  }[]
}

/** Starts a receiver on loopback. It ends with the test. */
export function startReceiver() {
  const child = spawn(process.execPath, [receiverProgram], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exit
  })
  return following(child)
}

/** Collects what a started receiver gets. */
export function following(child: ChildProcess) {
  const received: Received[] = []
  let onPort: (port: number) => void
  let onStatus = () => {}
  const port = new Promise<number>(resolve => {
    onPort = resolve
  })
  createInterface({ input: child.stdout! }).on('line', line => {
    const said = JSON.parse(line)
    if ('port' in said) onPort(said.port)
    else if ('signal' in said) received.push({ ...said, receivedAt: Date.now() })
    else if ('status' in said) onStatus()
  })
  return {
    received,
    /** The accepted requests. */
    accepted: (signal: Received['signal']) =>
      received.filter(request => request.signal === signal && request.status === 200),
    port,
    /** Sets the status of later answers. */
    answer(status: number): Promise<void> {
      return new Promise(resolve => {
        onStatus = resolve
        child.stdin!.write(`${status}\n`)
      })
    },
  }
}
