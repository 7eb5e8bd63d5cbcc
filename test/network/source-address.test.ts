import { writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { beforeAll, describe, expect, test } from 'vitest'
import { HttpAgent } from '../../src/index.js'
import { createDispatcher } from '../../src/undici.js'
import { lab, needs } from '../lab/index.js'
import { sentDuring } from './moved.js'
import { quiet } from './quiet.js'

needs('nginx', 'fping', 'ping', 'prometheus-blackbox-exporter')

const { wan2, server } = lab
const url = `http://${server.address4}/`

const exporter = 'http://127.0.0.1:9115'

beforeAll(async () => {
  await lab.nginx()
  const probe = { preferred_ip_protocol: 'ip4', source_ip_address: wan2.address4 }
  const modules = Object.fromEntries(['tcp', 'icmp'].map(prober => [prober, { prober, [prober]: probe }]))
  const file = join(lab.folder, 'blackbox.yml')
  // JSON is valid YAML.
  writeFileSync(file, JSON.stringify({ modules }))
  const listen = `--web.listen-address=${new URL(exporter).host}`
  lab.spawn('router', 'prometheus-blackbox-exporter', `--config.file=${file}`, listen, '--log.level=error')
  const ready = () =>
    fetch(`${exporter}/-/healthy`).then(
      ({ ok }) => ok,
      () => false,
    )
  while (!(await ready())) await sleep(50)
}, 60_000)

async function probed(module: string, target: string): Promise<void> {
  const text = await (await fetch(`${exporter}/probe?${new URLSearchParams({ module, target })}`)).text()
  expect(text).toMatch(/^probe_success 1$/m)
}

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

/** The comparison in the README: which device each tool uses, according to the kernel's counters. */
describe('meant to use wan2', () => {
  test.each<[string, () => unknown, 'wan1' | 'wan2']>([
    ["node:http's localAddress", () => fetched({ localAddress: wan2.address4, agent: false }), 'wan1'],
    ["undici's localAddress", () => requested(new Agent({ localAddress: wan2.address4 })), 'wan1'],
    ['ping -I with an address', () => lab.run('router', 'ping', '-c1', '-I', wan2.address4, server.address4), 'wan1'],
    ['fping -S', () => lab.run('router', 'fping', '-S', wan2.address4, server.address4), 'wan1'],
    ["blackbox_exporter's source_ip_address, TCP", () => probed('tcp', `${server.address4}:80`), 'wan1'],
    ["blackbox_exporter's source_ip_address, ICMP", () => probed('icmp', server.address4), 'wan1'],
    ['fping -I', () => lab.run('router', 'fping', '-I', 'wan2', server.address4), 'wan2'],
    ['ping -I with a device', () => lab.run('router', 'ping', '-c1', '-I', 'wan2', server.address4), 'wan2'],
    ["netvia's HttpAgent", () => fetched({ agent: new HttpAgent({ device: 'wan2' }) }), 'wan2'],
    ["netvia's dispatcher", () => requested(createDispatcher({ device: 'wan2' })), 'wan2'],
  ])('%s', async (_how, send, by) => {
    const sent = await sentDuring(async () => {
      await send()
      await quiet()
    })
    expect(sent[by]).toBeGreaterThan(0)
    expect(sent[by === 'wan1' ? 'wan2' : 'wan1']).toBe(0)
  })
})
