import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { resolve } from '../../src/protocols/dns/resolve.js'

/** A name server in another thread. It counts the questions that it has answered. */
const program = `
  const { workerData: asked, parentPort } = require('node:worker_threads')
  const { decode, encode } = require('dns-packet')
  const socket = require('node:dgram').createSocket('udp4')
  socket.on('message', (message, { port, address }) => {
    const { id, questions } = decode(message)
    const answers = [{ type: 'A', name: questions[0].name, data: '192.0.2.1', ttl: 60 }]
    socket.send(encode({ type: 'response', id, questions, answers }), port, address, () => {
      Atomics.add(asked, 0, 1)
      Atomics.notify(asked, 0)
    })
  })
  socket.bind(0, '127.0.0.1', () => parentPort.postMessage(socket.address().port))`

test('an answer that arrived while the event loop was busy is read before the question is repeated', async () => {
  const asked = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(program, { eval: true, workerData: asked })
  onTestFinished(async () => void (await worker.terminate()))
  const port = await new Promise(done => worker.once('message', done))
  // Loads the code in advance, which would otherwise take time during the second question.
  await resolve('localhost')
  const pending = resolve('x.example', { family: 4, servers: [`127.0.0.1:${port}`] })
  while (Atomics.load(asked, 0) === 0) {
    await new Promise(setImmediate)
    Atomics.wait(asked, 0, 0, 200)
  }
  // A server with unknown EDNS support is asked without EDNS after 40 ms.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
  expect(await pending).toEqual([{ address: '192.0.2.1', family: 4, ttl: 60 }])
  expect(Atomics.load(asked, 0)).toBe(1)
})
