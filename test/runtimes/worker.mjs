import { parentPort } from 'node:worker_threads'
import { ping, pings } from '../../dist/index.js'

const { outcome } = await ping('127.0.0.1', { kind: 'raw', device: 'lo', timeout: 10_000 })
parentPort.postMessage(outcome)
for await (const _ of pings('127.0.0.1', { kind: 'raw', device: 'lo', interval: 10 }));
