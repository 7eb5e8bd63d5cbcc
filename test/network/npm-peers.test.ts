import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ping } from '../../src/protocols/icmp/ping.js'
import { lab, needs } from '../lab/index.js'
import { sentDuring } from './moved.js'

/** Tests the README's statements about net-ping and raw-socket, which the bench installs. */
const folder = new URL('../../.cache/bench/peers/', import.meta.url)

interface Session {
  pingHost(target: string, callback: (error: Error | null) => void): void
  getSocket(): { setOption(level: number, option: number, value: Buffer, length: number): void }
  close(): void
}

function load() {
  const require = createRequire(new URL('package.json', folder))
  const { createSession } = require('net-ping') as { createSession(options: object): Session }
  return { createSession, raw: require('raw-socket') }
}

const { server, wan2 } = lab
const addon = fileURLToPath(new URL('node_modules/raw-socket/build/Release/raw.node', folder))

/** raw-socket isn't a Node-API addon, so it loads only in the version of Node that compiled it. */
function builtForAnotherNode(): boolean {
  try {
    load()
    return false
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_DLOPEN_FAILED') return true
    throw error
  }
}

if (!existsSync(addon)) {
  test('net-ping and raw-socket are not installed ("npm run bench" does it), so they are not tested', () => {
    expect(process.env.CI, 'in CI the bench has installed them before').toBeUndefined()
  })
} else if (builtForAnotherNode()) {
  test('raw-socket loads only in the Node that compiled it', () => {
    expect(load).toThrow(/NODE_MODULE_VERSION/)
  })
} else {
  describe('net-ping', () => {
    needs('nft')

    const open = (options: object = {}) => {
      const session = load().createSession({ retries: 0, timeout: 1000, ...options })
      onTestFinished(() => session.close())
      return session
    }
    const outcome = (session: Session, host: string) =>
      new Promise<string>(resolve => session.pingHost(host, error => resolve(error?.name ?? 'reply')))

    test('uses a device if its socket is bound to it, not through an option', async () => {
      const { SocketLevel, SocketOption } = load().raw
      const sent = async (session: Session) => {
        const packets = await sentDuring(async () => expect(await outcome(session, server.address4)).toBe('reply'))
        return packets.wan2
      }
      expect(await sent(open({ device: 'wan2', localAddress: wan2.address4 }))).toBe(0)
      const bound = open()
      const name = Buffer.from('wan2')
      bound.getSocket().setOption(SocketLevel.SOL_SOCKET, SocketOption.SO_BINDTODEVICE, name, name.length)
      expect(await sent(bound)).toBe(1)
    })

    test("two sessions accept replies to each other, but netvia's do not", async () => {
      const [silent, alive] = [`${lab.crowd.split('.').slice(0, 2).join('.')}.7.1`, server.address4]
      lab.fault('internet', `ip daddr ${silent} icmp type echo-request drop`)
      const [one, other] = [open(), open()]
      const asked = outcome(one, silent)
      expect(await outcome(other, alive)).toBe('reply')
      // The silent host didn't answer.
      expect(await asked).toBe('reply')
      const both = await Promise.all([ping(silent, { kind: 'raw', timeout: 1000 }), ping(alive, { kind: 'raw' })])
      expect(both.map(result => result.outcome)).toEqual(['timeout', 'reply'])
    })
  })

  test('raw-socket opens no socket for an unprivileged user', () => {
    const script = `try { require('raw-socket').createSocket({ protocol: 1 }) } catch (error) { console.log(error.message) }`
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', '--bounding-set=-all', '--inh-caps=-all']
    const program = [process.execPath, '-e', script]
    const said = lab.run('router', 'env', `--chdir=${fileURLToPath(folder)}`, 'setpriv', ...nobody, ...program)
    expect(said).toMatch(/not permitted/i)
  })
}
