// A sweep of hosts that all reply.
import { addressAfter } from '../drivers/common.mjs'
import { cpuPerItem, loopHeld, memory, rate } from './columns.mjs'
import { aliveOf } from './fping.mjs'

const timeoutMs = 1000
const inFlight = 1024

export function sweep({ lab, smoke, baseline, go, driver }) {
  const block = smoke ? '10.64.0.0/22' : '10.64.0.0/16'
  const count = smoke ? 1022 : 65_534
  const first = addressAfter(lab.plan.crowd, 1)
  const c = (...more) => lab.inNear(baseline('sweep'), first, count, inFlight, timeoutMs, ...more)
  const netvia = (options, ...more) =>
    driver('sweep', block, JSON.stringify({ timeout: timeoutMs, ...options }), ...more)
  const { device } = lab.plan
  return {
    title: `Sweep of ${count.toLocaleString('en')} hosts that all answer`,
    contestants: [
      { name: 'limit', role: 'limit', command: c() },
      { name: 'limit, on a device, with receive times', role: 'limit', command: c(device, 'stamps') },
      { name: 'netvia', role: 'netvia', command: netvia({}) },
      { name: 'netvia, warm', role: 'netvia', command: netvia({}, 'warm') },
      { name: 'netvia on a device, warm', role: 'netvia', command: netvia({ device }, 'warm') },
      {
        name: 'Go',
        role: 'peer',
        needs: ['go'],
        command: () => lab.inNear(go('sweep'), first, count, inFlight, timeoutMs),
      },
      {
        name: 'fping -i 0',
        role: 'peer',
        needs: ['fping'],
        command: lab.inNear(
          'fping',
          '-a',
          '-i',
          0,
          '-r',
          0,
          '-t',
          timeoutMs,
          '-g',
          first,
          addressAfter(first, count - 1),
        ),
        read: run => ({ items: count, reply: aliveOf(run) }),
      },
      {
        name: 'net-ping',
        role: 'peer',
        needs: ['npm:net-ping'],
        command: driver('net-ping', 'sweep', first, count, inFlight, timeoutMs),
      },
      {
        name: 'ping (npm), 500 hosts',
        role: 'peer',
        needs: ['npm:ping', 'ping'],
        command: driver('ping-package', first, smoke ? 20 : 500, 16),
      },
      {
        name: 'nmap -sn, 4,094 hosts',
        role: 'peer',
        needs: ['nmap'],
        command: lab.inNear('nmap', '-sn', '-PE', '-n', '-T5', '-oG', '-', smoke ? '10.64.0.0/24' : '10.64.0.0/20'),
        read: ({ stdout }) => ({
          items: Number(/(\d+) IP addresses/.exec(stdout)[1]),
          reply: occurrences(stdout, 'Status: Up'),
        }),
      },
      {
        name: 'masscan --rate 100000',
        role: 'peer',
        needs: ['masscan', 'ping'],
        command: lab.inNear('sh', '-c', masscan, 'sh', lab.plan.server, block, '-e', device, ...lab.plan.masscan),
        read: ({ stdout }) => ({ items: count, reply: occurrences(stdout, 'Host:') }),
      },
    ],
    columns: [
      rate('hosts'),
      cpuPerItem('CPU per host'),
      memory,
      loopHeld,
      { metric: 'reply', title: 'answers', unit: '' },
    ],
    chart: { metric: 'rate', unit: '/s', note: 'hosts per second; more is better' },
    targets: [
      { text: 'rate over the limit', metric: 'rate', of: 'netvia', over: 'limit', atLeast: 0.85 },
      { text: 'rate over the limit, warm', metric: 'rate', of: 'netvia, warm', over: 'limit', atLeast: 0.85 },
      { text: 'rate over fping -i 0', metric: 'rate', of: 'netvia', over: 'fping -i 0', atLeast: 1 },
      { text: 'rate over Go', metric: 'rate', of: 'netvia', over: 'Go', atLeast: 1 },
      { text: 'CPU per host over the limit', metric: 'cpuPerItemUs', of: 'netvia', over: 'limit', atMost: 1.4 },
      {
        text: 'CPU per host over the limit, warm',
        metric: 'cpuPerItemUs',
        of: 'netvia, warm',
        over: 'limit',
        atMost: 1.4,
      },
    ],
  }
}

const occurrences = (text, part) => text.split(part).length - 1

// masscan ends only when another packet arrives after its wait. A slow ping in the background provides packets.
const masscan = `ping -q -i 0.2 "$1" >&2 & ping=$!
shift
masscan "$@" --ping --rate 100000 -oG -
kill $ping`
