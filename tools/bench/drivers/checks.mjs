// Runs checks of one kind, each on a new connection: checks.mjs <client> <kind> <at once> <checks> <address> <device> <ca>
// The first 200 checks are reported separately, as cold ones. The next 1,000 warm the program up. The rest is measured.
import { Resolver } from 'node:dns'
import { readFileSync } from 'node:fs'
import { get as httpGet } from 'node:http'
import { get as httpsGet } from 'node:https'
import { connect } from 'node:net'
import { createSecureContext } from 'node:tls'
import { pool } from '../../pool.mjs'
import { nameOf, ports } from '../lib/check-servers.mjs'
import { netviaChecks } from '../lib/netvia-checks.mjs'
import { stopwatch } from './common.mjs'

const [client, kind, atOnceText, checksText, address, device, caPath] = process.argv.slice(2)
const [atOnce, checks] = [Number(atOnceText), Number(checksText)]
const ca = readFileSync(caPath, 'utf8')
const url = { http: `http://${address}:${ports.http}/`, https: `https://${address}:${ports.https}/` }[kind]

const clients = {
  async netvia() {
    const kinds = await netviaChecks({ address, device, ca })
    return async index => {
      const result = await kinds[kind](index)
      if (!result.ok) throw result.error
    }
  },
  node() {
    const secureContext = createSecureContext({ ca })
    const resolver = new Resolver()
    resolver.setServers([address])
    const finish = (resolve, reject) => error => (error ? reject(error) : resolve())
    const get = (how, options) => () =>
      new Promise((resolve, reject) => {
        how(url, { agent: false, ...options }, response => response.resume().on('end', resolve)).on('error', reject)
      })
    const kinds = {
      tcp: () =>
        new Promise((resolve, reject) => {
          const socket = connect({ host: address, port: ports.http })
          socket.on('error', reject).on('connect', () => {
            socket.resetAndDestroy()
            resolve()
          })
        }),
      dns: index => new Promise((resolve, reject) => resolver.resolve4(nameOf(index), finish(resolve, reject))),
      http: get(httpGet),
      https: get(httpsGet, { secureContext }),
    }
    return kinds[kind]
  },
}

const check = await clients[client]()
const cold = process.cpuUsage()
await pool(200, atOnce, check)
const { user, system } = process.cpuUsage(cold)
await pool(1000, atOnce, check)
const done = stopwatch()
await pool(checks, atOnce, check)
done({ items: checks, coldCpuUs: (user + system) / 200 })
process.exit(0)
