import { once } from 'node:events'
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import type { MonitorStatus } from '../../src/cli/shared/monitor-socket.js'
import { lab } from '../lab/index.js'
import { command, netvia, objects } from '../unit/cli-process.js'
import { configuration, plug, unplug, watchUplinks } from './monitored.js'

const example = (name: string) => fileURLToPath(new URL(`../../examples/hooks/${name}`, import.meta.url))
const patience = { timeout: 20_000 }
afterEach(plug)

/** A webhook server that prints each request with the sender's address, one per line. */
const receiver = `
  require('node:http').createServer((request, response) => {
    let body = ''
    request.on('data', data => { body += data }).on('end', () => {
      response.writeHead(request.url === '/refused' ? 403 : 200).end()
      console.log(JSON.stringify({ from: request.socket.remoteAddress, type: request.headers['content-type'], body: JSON.parse(body) }))
    })
  }).listen(+process.argv[1], '0.0.0.0', () => console.log('ready'))`

async function received(port: number) {
  const child = lab.spawn('internet', process.execPath, '-e', receiver, String(port))
  let text = ''
  child.stdout!.setEncoding('utf8').on('data', data => {
    text += data
  })
  await once(child.stdout!, 'data')
  return () =>
    text
      .split('\n')
      .slice(1, -1)
      .map(line => JSON.parse(line))
}

test('netvia status and netvia force on a router: a cable is pulled during maintenance', async () => {
  const at = join(mkdtempSync(join(lab.folder, 'socket-')), 'monitor.sock')
  const { monitor } = await watchUplinks(['--socket', at])
  const status = async () => objects(await netvia(['status', '--json', '--socket', at]))[0] as unknown as MonitorStatus
  expect(await status()).toMatchObject({ inUse: 'fibre', uplinks: [{ lossRatio: 0 }, { lossRatio: 0 }] })
  await netvia(['force', 'fibre', 'down', '--why', 'maintenance', '--socket', at])
  await monitor.says(/fibre: up -> down \(forced down: maintenance\)/)
  expect(await status()).toMatchObject({ inUse: 'lte' })
  unplug()
  await expect.poll(async () => (await status()).uplinks[0]!.linkFault, patience).toBe('no carrier')
  expect(await status()).toMatchObject({ uplinks: [{ state: 'down', reason: 'forced down: maintenance' }, {}] })
  plug()
  await expect.poll(async () => (await status()).uplinks[0]!.goodRounds, patience).toBeGreaterThan(3)
  expect(await netvia(['force', 'fibre', 'auto', '--socket', at])).toMatchObject({ code: 0 })
  await monitor.says(/fibre: down -> up/)
  expect(await status()).toMatchObject({ inUse: 'fibre' })
})

test('webhook.mjs posts the change through the uplink that still works', async () => {
  const folder = mkdtempSync(join(lab.folder, 'webhook-'))
  const at = join(folder, 'monitor.sock')
  writeFileSync(join(folder, 'netvia'), `#!/bin/sh\nexec '${process.execPath}' '${command}' "$@" --socket '${at}'\n`)
  chmodSync(join(folder, 'netvia'), 0o755)
  const port = 8099
  const messages = await received(port)
  const hook = `hook: [${example('webhook.mjs')}, 'http://${lab.server.address4}:${port}/', uplinks]\n`
  const env = { PATH: `${folder}:${process.env.PATH}` }
  const { monitor } = await watchUplinks(['--socket', at], env, hook + configuration)
  await expect.poll(() => messages().length, patience).toBe(2)
  unplug()
  await monitor.says(/fibre: hook: reported through wan2/)
  await expect
    .poll(() => messages().at(-1), patience)
    .toEqual({
      from: lab.wan2.address4,
      type: 'application/json',
      body: { topic: 'uplinks', title: 'fibre is down', message: 'fibre: up -> down (no carrier)' },
    })
})

const metrics = (device: string) =>
  (['-4', '-6'] as const).map(family => {
    const routes = JSON.parse(lab.run('router', 'ip', '-json', family, 'route', 'show', 'default', 'dev', device))
    return (routes as { metric?: number }[]).map(({ metric = 0 }) => metric)
  })

test("route-metric.sh raises the metrics of a bad uplink's default routes, and its checks still detect recovery", async () => {
  const before = metrics('wan1')
  const hook = `hook: [${example('route-metric.sh')}]\nhookAtStart: true\n`
  const { monitor } = await watchUplinks([], {}, hook + configuration)
  expect(metrics('wan1')).toEqual(before)
  // An outage behind the link. Only checks can detect it.
  lab.run('isp1', 'ip', 'route', 'add', 'blackhole', `${lab.server.address4}/32`)
  await monitor.says(/fibre: up -> down/)
  await expect.poll(() => metrics('wan1'), patience).toEqual(before.map(of => of.map(metric => metric + 10_000)))
  lab.run('isp1', 'ip', 'route', 'del', 'blackhole', `${lab.server.address4}/32`)
  await monitor.says(/fibre: down -> (up|degraded)/)
  await expect.poll(() => metrics('wan1')).not.toEqual(before.map(of => of.map(m => m + 10_000)))
  monitor.child.kill('SIGTERM')
  await monitor.ended
  lab.run('router', 'sh', '-c', `NETVIA_STATE=up NETVIA_DEVICE=wan1 ${example('route-metric.sh')}`)
  expect(metrics('wan1')).toEqual(before)
})
