// Measures RTTs on the wire: tcpdump captures echoes on a device, and the RTTs are computed from its timestamps.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'

/** Starts capturing ICMP in a namespace. The returned function stops it, and returns the RTTs in the order of the requests. */
export async function captureEchoes(inNamespace, device, file) {
  const [command, ...args] = inNamespace('tcpdump', '-i', device, '-w', file, '-U', '--immediate-mode', '-B', '16384')
  const options = ['--time-stamp-precision=nano', '-Z', 'root', '-n', 'icmp']
  const tcpdump = spawn(command, [...args, ...options], { stdio: ['ignore', 'ignore', 'pipe'] })
  const exit = once(tcpdump, 'exit')
  for await (const line of tcpdump.stderr.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    if (line.includes('listening on')) break
  }
  tcpdump.stderr.resume()
  return async () => {
    tcpdump.kill('SIGINT')
    await exit
    const bytes = readFileSync(file)
    rmSync(file)
    return echoTimes(bytes)
  }
}

/** The RTT in ms of each echo request in a capture file (pcap, nanoseconds, Ethernet), or undefined without a reply. */
export function echoTimes(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint32(0, true) !== 0xa1b23c4d) throw new Error('not a capture file with nanoseconds')
  const requests = new Map()
  const times = []
  for (let at = 24; at + 16 <= bytes.length; ) {
    const time = view.getUint32(at, true) * 1e3 + view.getUint32(at + 4, true) / 1e6
    const packet = at + 16
    at = packet + view.getUint32(at + 8, true)
    const icmp = packet + 14 + (bytes[packet + 14] & 15) * 4
    if (icmp + 8 > at) continue
    const key = view.getUint32(icmp + 4)
    if (bytes[icmp] === 8) requests.set(key, { index: times.push(undefined) - 1, time })
    const request = requests.get(key)
    if (bytes[icmp] === 0 && request) times[request.index] ??= time - request.time
  }
  return times
}
