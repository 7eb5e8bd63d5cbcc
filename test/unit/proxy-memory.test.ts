import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'

const library = fileURLToPath(new URL('../../dist/index.cjs', import.meta.url))
const tunnels = 8000

/** Bytes per tunnel that survive a scavenge, with 20 concurrent tunnels. */
async function surviving(target: number): Promise<number> {
  const program = `
    require(${JSON.stringify(library)}).listenProxy({ port: 0, device: 'lo', allowTargets: ['127.0.0.0/8'] })
      .then(proxy => console.log('port ' + proxy.address().port))`
  const child = spawn(process.execPath, ['--trace-gc', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill())
  const lines: string[] = []
  const output = createInterface(child.stdout).on('line', line => lines.push(line))
  await expect.poll(() => lines.some(line => line.startsWith('port ')), { timeout: 20_000 }).toBe(true)
  const port = Number(lines.find(line => line.startsWith('port '))!.slice(5))
  let left = tunnels
  const worker = async () => {
    while (left-- > 0) await tunnel(port, target)
  }
  await Promise.all(Array.from({ length: 20 }, worker))
  child.kill()
  await once(output, 'close')
  const after = lines.flatMap(line => /Scavenge .*?-> ([\d.]+) /.exec(line)?.[1] ?? []).map(Number)
  const grown = after.map((size, index) => Math.max(0, size - (after[index - 1] ?? size)))
  return (grown.reduce((sum, size) => sum + size, 0) * 2 ** 20) / tunnels
}

/** Opens a tunnel and waits until the target closes it. */
async function tunnel(port: number, target: number): Promise<void> {
  const client = connect(port, '127.0.0.1')
  client.write(Buffer.of(5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, target >> 8, target & 255))
  await once(client.resume(), 'close')
}

test('ended tunnels leave little in the old generation', async () => {
  const server = createServer(socket => void socket.end('hello')).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  let bytes = Number.POSITIVE_INFINITY
  // On a busy machine, more objects are alive at a scavenge.
  for (let run = 0; run < 4 && bytes >= 700; run++) bytes = await surviving(port)
  expect(bytes).toBeLessThan(700)
})
