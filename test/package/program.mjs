// Uses an installed netvia for a connection over the loopback device. Prints one line.
import { connect, listen } from 'netvia'

const server = await listen({ host: '127.0.0.1', port: 0, device: 'lo' }, client => client.end('works'))
const socket = await connect({ host: '127.0.0.1', port: server.address().port, device: 'lo' })
for await (const chunk of socket) console.log(String(chunk))
server.close()
