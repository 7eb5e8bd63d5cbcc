// An OTLP/HTTP receiver that decodes with OpenTelemetry's own code, generated from its .proto files. It prints a line of JSON for each
// request. Arguments: [host] [port]. A number on standard input sets the status of later answers.
import http from 'node:http'
import { createInterface } from 'node:readline'
import { gunzipSync } from 'node:zlib'
import decoder from 'otlp-decoder/build/src/generated/root.js'

const { metrics, logs } = decoder.opentelemetry.proto.collector
const requests = {
  metrics: metrics.v1.ExportMetricsServiceRequest,
  logs: logs.v1.ExportLogsServiceRequest,
}
const [host = '127.0.0.1', port = '0'] = process.argv.slice(2)
let status = 200

createInterface({ input: process.stdin }).on('line', line => {
  status = Number(line)
  print({ status })
})

const server = http.createServer((request, response) => {
  // A client may give up. The next request must still work.
  receive(request, response).catch(error => print({ error: error.message }))
})

async function receive(request, response) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  const { url, headers } = request
  const signal = url.split('/').at(-1)
  const raw = headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
  const type = requests[signal]
  const decoded = type.toObject(type.decode(raw), { longs: Number, bytes: String })
  const from = request.socket.remoteAddress
  print({ signal, url, status, headers, from, bytes: body.length, ...read(decoded) })
  response.writeHead(status, { 'content-type': 'application/x-protobuf' }).end()
}

server.listen(Number(port), host, () => print({ port: server.address().port }))

function read({ resourceMetrics = [], resourceLogs = [] }) {
  const resource = attributesOf((resourceMetrics[0] ?? resourceLogs[0]).resource.attributes)
  const scopes = resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics)
  const points = scopes.flatMap(({ metrics = [] }) => metrics.flatMap(pointsOf))
  const records = resourceLogs
    .flatMap(({ scopeLogs }) => scopeLogs)
    .flatMap(({ logRecords }) => logRecords)
    .map(({ attributes, body, ...record }) => ({
      ...record,
      body: body.stringValue,
      attributes: attributesOf(attributes),
    }))
  return { resource, points, records }
}

function pointsOf({ name, unit, gauge, sum, histogram }) {
  const kind = gauge ? 'gauge' : sum ? 'sum' : 'histogram'
  return (gauge ?? sum ?? histogram).dataPoints.map(
    ({ attributes, asDouble, asInt, count, timeUnixNano, startTimeUnixNano }) => ({
      ...{ name, unit, kind, monotonic: sum?.isMonotonic },
      attributes: attributesOf(attributes),
      value: asDouble ?? asInt ?? count,
      at: timeUnixNano / 1e6,
      begin: startTimeUnixNano / 1e6,
    }),
  )
}

function attributesOf(list = []) {
  return Object.fromEntries(
    list.map(({ key, value }) => [key, value.stringValue ?? value.intValue ?? value.doubleValue]),
  )
}

function print(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
