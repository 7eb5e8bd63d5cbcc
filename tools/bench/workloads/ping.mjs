// Sequential pings: the overhead of a call beyond the RTT.
export function ping({ lab, smoke, baseline, driver }) {
  const address = '127.0.0.1'
  const count = smoke ? 200 : 2000
  const client = (name, role, needs, pings) => ({ name, role, needs, command: driver('ping', name, address, pings) })
  return {
    title: 'One ping of loopback after the other: from the call to the promise',
    contestants: [
      { name: 'limit', role: 'limit', command: lab.inNear(baseline('ping'), address, count) },
      client('netvia', 'netvia', [], count),
      client('net-ping', 'peer', ['npm:net-ping'], count),
      client('ping', 'peer', ['npm:ping', 'ping'], smoke ? 5 : 40),
    ],
    columns: [
      { metric: 'overheadUs', title: 'beyond the RTT, median', unit: 'µs' },
      { metric: 'totalUs', title: 'call to result, median', unit: 'µs' },
    ],
    chart: { metric: 'totalUs', unit: 'µs', note: 'from call to result, median; less is better' },
    targets: [{ text: 'beyond the RTT, µs', metric: 'overheadUs', of: 'netvia', atMost: 100 }],
  }
}
