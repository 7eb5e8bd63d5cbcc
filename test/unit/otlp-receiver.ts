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
  /** Milliseconds since 1970, and when the series began. */
  at: number
  begin: number
}

export interface Received {
  signal: 'metrics' | 'logs'
  url: string
  /** That it was answered with. */
  status: number
  headers: Record<string, string>
  from: string
  /** When this process heard of it, in milliseconds since 1970. */
  receivedAt: number
  /** Of the body as it came. */
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

/** A receiver on loopback, ended with the test. */
export function startReceiver() {
  const child = spawn(process.execPath, [receiverProgram], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exit
  })
  return following(child)
}

/** What a receiver that was started has got. */
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
    /** Those that were accepted. */
    accepted: (signal: Received['signal']) =>
      received.filter(request => request.signal === signal && request.status === 200),
    port,
    /** Answers with this status from now on. */
    answer(status: number): Promise<void> {
      return new Promise(resolve => {
        onStatus = resolve
        child.stdin!.write(`${status}\n`)
      })
    },
  }
}
