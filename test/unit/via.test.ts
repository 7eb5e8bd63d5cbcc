import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { descriptorOf } from '../../src/sockets/hand-over.js'
import { boundDevice } from '../../src/sockets/open.js'
import { via } from '../../src/via.js'

describe('via', () => {
  it('binds each call to its device, whether the options come first or second', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const lo = via('lo')
    const socket = await lo.connect({ host: '127.0.0.1', port })
    expect(boundDevice(descriptorOf(socket))).toBe('lo')
    socket.destroy()
    await expect(via('nonesuch0').resolve('name.test', { servers: ['127.0.0.1'] })).rejects.toMatchObject({
      code: 'ENODEV',
      device: 'nonesuch0',
    })
    expect(await lo.checkTcp({ host: '127.0.0.1', port })).toMatchObject({ ok: true })
  })

  it('accepts path options as an object, and has agents for the path', async () => {
    const path = via({ device: 'lo', tos: 8 })
    expect(path.path).toEqual({ device: 'lo', tos: 8 })
    const agent = new path.HttpAgent({ keepAlive: false })
    expect(agent).toBeInstanceOf((await import('../../src/protocols/http/agent.js')).HttpAgent)
    expect(agent.getName({ host: 'name.test', port: 80 })).toContain('lo')
  })

  it('refuses options that would leave the path, and invalid paths', () => {
    expect(() => via('lo').connect({ host: '127.0.0.1', port: 1, device: 'eth0' as string as 'lo' })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE', message: expect.stringContaining('contradicts') }),
    )
    expect(() => via('no/slash')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }))
    // @ts-expect-error process.env.DEVICE may be undefined, which must not mean the default route
    expect(() => via(undefined)).toThrow('via: options must be an object; got undefined')
    // @ts-expect-error not an option of a path
    expect(() => via({ port: 5 })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }))
  })

  it('is not affected by later changes of its options', async () => {
    const path = { device: 'nonesuch0' }
    const fixed = via(path)
    path.device = 'lo'
    await expect(fixed.connect({ host: '127.0.0.1', port: 1 })).rejects.toMatchObject({ device: 'nonesuch0' })
  })
})
