import { once } from 'node:events'
import { expect } from 'vitest'
import { lab } from '../lab/index.js'

/** A server that closes its side of a connection only on command, long after the client. */
export async function lateEndServer(port: number) {
  const program = `require('node:net').createServer({ allowHalfOpen: true }, socket => {
    socket.resume().on('end', () => process.stdin.once('data', () => socket.end()))
  }).listen(${port}, '::', () => console.log('ready'))`
  const server = lab.spawn('internet', process.execPath, '-e', program)
  await once(server.stdout!, 'data')
  const states = (at: 'router' | 'internet') =>
    lab.run(at, 'ss', '-Htn', 'state', 'connected', `( sport = ${port} or dport = ${port} )`)
  const within = { timeout: 10_000 }
  return {
    /** Waits until the client has closed its side, then closes the server's side. */
    async end() {
      await expect.poll(() => states('router'), within).toContain('FIN-WAIT-2')
      server.stdin!.write('end')
      await expect.poll(() => states('router'), within).toContain('TIME-WAIT')
    },
    /** Waits until the server's FIN is acknowledged. Without that, the server would retransmit it for a minute or two. */
    async isAcknowledged() {
      await expect.poll(() => states('internet'), within).toBe('')
    },
  }
}
