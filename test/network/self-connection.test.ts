import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const cwd = fileURLToPath(new URL('../..', import.meta.url))

/** The only local port that the kernel can choose. A socket that connects to it connects to itself (RFC 9293 section 3.5). */
const port = 40_001

const namespace = `ip link set lo up
echo ${port} ${port} > /proc/sys/net/ipv4/ip_local_port_range
exec "$0" "$@"`

async function alone(program: string): Promise<unknown> {
  const node = [process.execPath, '--input-type=module', '-e', program]
  const { stdout } = await promisify(execFile)('unshare', ['--net', 'sh', '-ec', namespace, ...node], { cwd })
  return JSON.parse(stdout)
}

test.each(['127.0.0.1', '::1'])('a port on %s that nobody listens on is refused, and stays free', async host => {
  const found = await alone(`
    import { checkHttp, checkTcp, connect, listen, resolve, scanPorts, via } from 'netvia'
    const [host, port] = ['${host}', ${port}]
    const url = 'http://' + (host.includes(':') ? '[' + host + ']' : host) + ':' + port
    const server = url.slice('http://'.length)
    const codes = [
      await connect({ host, port }).then(() => 'connected', ({ code }) => code),
      await via('lo').connect({ host, port, localAddress: host }).then(() => 'connected', ({ code }) => code),
      (await checkTcp({ host, port })).error?.code,
      (await checkHttp(url)).error?.code,
      await resolve('a.test', { servers: [server], timeout: 3000 }).catch(({ code }) => code),
      await scanPorts(host, { ports: [port] }).open().then(open => open.length),
    ]
    const service = await listen({ host, port })
    console.log(JSON.stringify([...codes, service.address().port]))
    service.close()`)
  expect(found).toEqual([...Array(5).fill('ECONNREFUSED'), 0, port])
})
