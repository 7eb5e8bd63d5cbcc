import { once } from 'node:events'
import { expect } from 'vitest'
import { lab } from '../lab/index.js'

/** A server that ends its side of a connection only when it is told to, long after the client has. */
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
    /** Waits until the client has closed its connection, then ends the server's side. */
    async end() {
      await expect.poll(() => states('router'), within).toContain('FIN-WAIT-2')
      server.stdin!.write('end')
      await expect.poll(() => states('router'), within).toContain('TIME-WAIT')
    },
    /** Otherwise the server would repeat its end for a minute or two. */
    async isAcknowledged() {
      await expect.poll(() => states('internet'), within).toBe('')
    },
  }
}
