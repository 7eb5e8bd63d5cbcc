#!/usr/bin/env node
// Posts each change of an uplink as JSON, through an uplink that works: to Slack, Mattermost and the like, or to ntfy.
//
//   hook: [/etc/netvia/webhook.mjs, https://hooks.slack.com/services/…]
//   hook: [/etc/netvia/webhook.mjs, https://ntfy.example.com/, uplinks]    # ntfy: server and topic
//
// It needs the package netvia beside it: (cd /etc/netvia && npm install netvia). The monitor has to answer `netvia status`. When it
// fails, because no uplink works yet, the monitor tries again.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import { HttpAgent, HttpsAgent } from 'netvia'

const [url, topic] = process.argv.slice(2)
const { NETVIA_UPLINK: name, NETVIA_STATE: state, NETVIA_PREVIOUS_STATE: before, NETVIA_REASON: reason } = process.env
const text = `${name}: ${before} -> ${state} (${reason})`
const content = topic ? { topic, title: `${name} is ${state}`, message: text } : { text }

const device = deviceInUse()
const [{ request }, Agent] = url.startsWith('https:') ? [https, HttpsAgent] : [http, HttpAgent]
const post = request(url, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  agent: new Agent({ device }),
  signal: AbortSignal.timeout(8000),
})
post.end(JSON.stringify(content))
const [response] = await once(post, 'response')
response.resume()
if (response.statusCode >= 300) throw new Error(`the server answered ${response.statusCode}`)
console.log(`reported through ${device}`)

/** Of the uplink that new connections take. The exit code says whether one is down, which is why this runs. */
function deviceInUse() {
  const { stdout, stderr } = spawnSync('netvia', ['status', '--json'], { encoding: 'utf8' })
  const { inUse, uplinks } = JSON.parse(stdout || '{}')
  if (!uplinks) throw new Error(`netvia status: ${stderr}`)
  if (inUse === null) throw new Error('no uplink works')
  return uplinks.find(uplink => uplink.name === inUse).device
}
