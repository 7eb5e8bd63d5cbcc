// Gives up on a connection in two ways: with a timeout, and with an AbortSignal (Go's context).
// dial-timeout.ts [host] [port] [milliseconds]
import type { Socket } from 'node:net'
import { connect, joinHostPort } from 'netvia'

const [host = 'google.com', port = '443', limit = '5000'] = process.argv.slice(2)

function dialWithTimeout(): Promise<Socket> {
  return connect({ host, port: Number(port), timeout: Number(limit) })
}

function dialWithContext(signal: AbortSignal): Promise<Socket> {
  return connect({ host, port: Number(port), signal })
}

for (const dial of [dialWithTimeout, () => dialWithContext(AbortSignal.timeout(Number(limit)))]) {
  try {
    const connection = await dial()
    console.log(`Connected to: ${joinHostPort(connection.remoteAddress ?? '', connection.remotePort ?? 0)}`)
    connection.destroy()
  } catch (error) {
    console.log(`Failed: ${(error as Error).message}`)
  }
}
