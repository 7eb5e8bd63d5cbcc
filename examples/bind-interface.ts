// Connects through an interface in both ways: by the device's address, as Go programs do, and by the device itself.
// bind-interface.ts [host] [port] [device …]
import { connect, deviceAddress, joinHostPort } from 'netvia'

const [host = 'google.com', port = '443', ...given] = process.argv.slice(2)
const names = given.length > 0 ? given : ['eth0', 'eth1']

async function dialVia(name: string, how: 'address' | 'device'): Promise<void> {
  try {
    const path = how === 'address' ? { localAddress: await deviceAddress(name) } : { device: name }
    const connection = await connect({ host, port: Number(port), timeout: 5000, ...path })
    const local = joinHostPort(connection.localAddress ?? '', connection.localPort ?? 0)
    const remote = joinHostPort(connection.remoteAddress ?? '', connection.remotePort ?? 0)
    console.log(`Connected via ${name} by ${how}: local=${local} remote=${remote}`)
    connection.destroy()
  } catch (error) {
    console.log(`${name} failed by ${how}: ${(error as Error).message}`)
  }
}

for (const name of names) {
  await dialVia(name, 'address')
  await dialVia(name, 'device')
}
