import { get } from 'node:http'
import { Agent, request } from 'undici'
import { beforeAll, describe, expect, test } from 'vitest'
import { HttpAgent } from '../../src/index.js'
import { createDispatcher } from '../../src/undici.js'
import { lab, needs } from '../lab/index.js'
import { quiet } from './quiet.js'

needs('nginx', 'fping', 'ping')

const { wan2, server } = lab
const url = `http://${server.address4}/`

beforeAll(async () => {
  await lab.nginx()
})

async function fetched(options: Parameters<typeof get>[1]): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    get(url, options, response => response.resume().on('end', resolve)).on('error', reject)
  })
}

async function requested(dispatcher: Agent | ReturnType<typeof createDispatcher>): Promise<void> {
  const { body } = await request(url, { dispatcher })
  await body.dump()
  await dispatcher.close()
}

/** The comparison in the README: who leaves by which device, by the kernel's own counters. */
describe('meant to leave by wan2', () => {
  test.each<[string, () => unknown, 'wan1' | 'wan2']>([
    ["node:http's localAddress", () => fetched({ localAddress: wan2.address4, agent: false }), 'wan1'],
    ["undici's localAddress", () => requested(new Agent({ localAddress: wan2.address4 })), 'wan1'],
    ['ping -I with an address', () => lab.run('router', 'ping', '-c1', '-I', wan2.address4, server.address4), 'wan1'],
    ['fping -S', () => lab.run('router', 'fping', '-S', wan2.address4, server.address4), 'wan1'],
    ['fping -I', () => lab.run('router', 'fping', '-I', 'wan2', server.address4), 'wan2'],
    ['ping -I with a device', () => lab.run('router', 'ping', '-c1', '-I', 'wan2', server.address4), 'wan2'],
    ["netvia's HttpAgent", () => fetched({ agent: new HttpAgent({ device: 'wan2' }) }), 'wan2'],
    ["netvia's dispatcher", () => requested(createDispatcher({ device: 'wan2' })), 'wan2'],
  ])('%s', async (_how, send, by) => {
    const sent = () => ({ wan1: lab.counters('wan1').txPackets, wan2: lab.counters('wan2').txPackets })
    await quiet()
    const before = sent()
    await send()
    await quiet()
    const after = sent()
    expect(after[by]).toBeGreaterThan(before[by])
    const other = by === 'wan1' ? 'wan2' : 'wan1'
    expect(after[other]).toBe(before[other])
  })
})
