// Connect scans of a host that refuses connections, and of one that doesn't answer.
import { startServer } from '../../lab/namespaces.mjs'
import { ownReport } from '../lib/measure.mjs'
import { cpu, cpuPerItem, loopHeld, memory, rate } from './columns.mjs'

const wrong = { metric: 'wrong', title: 'wrong', unit: '' }

export function scan({ lab, smoke, baseline, go, driver }) {
  const last = smoke ? 2000 : 65_535
  const open = Array.from({ length: 20 }, (_, index) => Math.floor(((index + 0.5) * last) / 20))
  const { server } = lab.plan
  const range = [server, 1, last, 512, 500]
  const judged = (report, upTo = last) => ({
    ...report,
    wrong:
      Math.abs(report.open - open.filter(port => port <= upTo).length) + (report.filtered ?? 0) + (report.failed ?? 0),
  })
  const own = run => judged(ownReport(run))
  const nmap = speed => ({
    name: `nmap -sT ${speed}`,
    role: 'peer',
    needs: ['nmap'],
    command: lab.inNear('nmap', '-sT', '-n', '-Pn', speed, '-p', `1-${last}`, '-oG', '-', server),
    read: ({ stdout }) => judged({ items: last, open: stdout.split('/open/').length - 1 }),
  })
  /** Scans ports up to `upTo`, because the rate of a slow scanner is clear before the last port. */
  const npm = (name, needs, upTo = last) => ({
    name: `${name}, 512 at once`,
    role: 'peer',
    needs,
    command: driver('scan-peer', name, server, 1, upTo, 512, 500),
    read: run => judged(ownReport(run), upTo),
  })
  return {
    title: `Connect scan of ${last.toLocaleString('en')} ports, 20 open, the rest closed`,
    begin: () => startServer(lab.inFar(baseline('serve-ports'), server, ...open)),
    contestants: [
      { name: 'limit', role: 'limit', command: lab.inNear(baseline('scan'), ...range), read: own },
      scanner('netvia', { ports: `1-${last}`, timeout: 500 }),
      scanner('netvia, 512 at once', { ports: `1-${last}`, timeout: 500, concurrency: 512 }),
      nmap('-T4'),
      nmap('-T5'),
      {
        name: 'Go, 512 at once',
        role: 'peer',
        needs: ['go'],
        command: () => lab.inNear(go('scan'), ...range),
        read: own,
      },
      {
        name: 'Go, a goroutine a port',
        role: 'peer',
        needs: ['go'],
        command: () => lab.inNear(go('scan'), server, 1, last, 0, 500),
        read: own,
      },
      npm('net.connect', []),
      npm('portscanner', ['npm:portscanner'], last >> 2),
      npm('evilscan', ['npm:evilscan'], last >> 2),
    ],
    columns: [rate('ports'), cpuPerItem('CPU per port'), memory, loopHeld, wrong],
    chart: { metric: 'rate', unit: '/s', note: 'ports per second; more is better' },
    targets: [
      { text: 'rate over the limit', metric: 'rate', of: 'netvia', over: 'limit', atLeast: 0.75 },
      { text: 'rate over nmap -sT -T5', metric: 'rate', of: 'netvia', over: 'nmap -sT -T5', atLeast: 1 },
      { text: 'rate over nmap -sT -T4', metric: 'rate', of: 'netvia', over: 'nmap -sT -T4', atLeast: 1 },
      { text: 'wrong ports', metric: 'wrong', of: 'netvia', atMost: 0 },
    ],
  }

  function scanner(name, options) {
    return { name, role: 'netvia', command: driver('scan', server, JSON.stringify(options)), read: own }
  }
}

export function scanDropped({ lab, smoke, baseline, go, driver }) {
  const last = smoke ? 1000 : 65_535
  const atOnce = smoke ? 1000 : 4096
  const timeout = 500
  const { silentServer } = lab.plan
  const range = [silentServer, 1, last, atOnce, timeout]
  const ideal = (Math.ceil(last / atOnce) * timeout) / 1000
  const own = run => {
    const report = ownReport(run)
    return { ...report, wrong: last - report.filtered, overIdeal: report.seconds / ideal }
  }
  const options = JSON.stringify({ ports: `1-${last}`, timeout, concurrency: atOnce })
  return {
    title: `The same dropped: ${atOnce.toLocaleString('en')} at once, ${timeout} ms each, so ${ideal} s at best`,
    contestants: [
      { name: 'limit', role: 'limit', command: lab.inNear(baseline('scan'), ...range), read: own },
      { name: 'netvia', role: 'netvia', command: driver('scan', silentServer, options), read: own },
      { name: 'Go', role: 'peer', needs: ['go'], command: () => lab.inNear(go('scan'), ...range), read: own },
      { name: 'net.connect', role: 'peer', command: driver('scan-peer', 'net.connect', ...range), read: own },
    ],
    columns: [{ metric: 'seconds', title: 'time', unit: 's' }, cpu, memory, loopHeld, wrong],
    chart: { metric: 'cpuSeconds', unit: 's', note: 'CPU seconds; less is better' },
    targets: [
      { text: 'time over what the concurrency allows', metric: 'overIdeal', of: 'netvia', atMost: 1.05 },
      { text: 'CPU over the limit', metric: 'cpuSeconds', of: 'netvia', over: 'limit', atMost: 2.5 },
      { text: 'wrong ports', metric: 'wrong', of: 'netvia', atMost: 0 },
    ],
  }
}
