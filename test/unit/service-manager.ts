import { expect, onTestFinished } from 'vitest'
import { addon, Field, slotHeader } from '../../src/binding/addon.js'
import { unixAddress } from '../../src/cli/monitor/systemd/notify-socket.js'

const room = 8192

/** A socket that replaces the service manager's. Collects one line per message, with `|` between its assignments. */
export function serviceManager(path: string) {
  // 1 is AF_UNIX, 2 is SOCK_DGRAM.
  const fd = addon().socket(1, 2, 0)
  expect(addon().bind(fd, unixAddress(path))).toBe(0)
  onTestFinished(() => void addon().close(fd))
  const data = new Uint8Array(slotHeader + room)
  const table = new Int32Array(Field.size)
  const lines: string[] = []
  const got = () => {
    while (addon().receive(fd, data, table, 0) === 1) {
      const message = Buffer.from(data.subarray(slotHeader, slotHeader + table[Field.length]!))
      lines.push(message.toString().replaceAll('\n', '|'))
    }
    return lines
  }
  const until = (pattern: RegExp) =>
    expect.poll(() => `${got().join('\n')}\n`, { timeout: 20_000, interval: 20 }).toMatch(pattern)
  return { got, until }
}
