// Serves a page over HTTP. Argument: port.
import { createServer } from 'node:http'

createServer((_request, response) => response.end('all is fine')).listen(Number(process.argv[2]), '0.0.0.0', () =>
  console.log('ready'),
)
