// All workloads, in the order of the report. A workload is a function that takes the setup of run.mjs and returns
// `{ title, contestants, columns, chart?, targets, rounds?, begin?, around? }`:
// - Contestants are `{ name, role, command, needs?, read?, limitMs?, environment?, repeat?, sumUp?, beside? }`. `read` parses the
//   output, by default one line of JSON. `role` is limit, netvia, baseline or peer. Contestants with the same `beside` run at the
//   same time, because each leaves the machine almost idle.
// - A column or chart names a figure, its title and its unit.
// - `judge` (tools/bench/lib/statistics.mjs) describes targets.
// - `begin()` prepares the laboratory and returns a function that undoes it. `around(run)` wraps each run and returns its report.
import { bulk } from './bulk.mjs'
import { checkFleet } from './check-fleet.mjs'
import { checksDns, checksHttp, checksHttps, checksTcp } from './checks.mjs'
import { connect } from './connect.mjs'
import { exporter } from './exporter.mjs'
import { fleet } from './fleet.mjs'
import { httpKept, httpNew } from './http.mjs'
import { listen } from './listen.mjs'
import { mixed } from './mixed.mjs'
import { monitor } from './monitor.mjs'
import { monitorService } from './monitor-service.mjs'
import { mtr } from './mtr.mjs'
import { ping } from './ping.mjs'
import { proxyBulk, proxyIdle, proxyNew } from './proxy.mjs'
import { rtt } from './rtt.mjs'
import { runBulk, runSockets } from './run.mjs'
import { scale } from './scale.mjs'
import { scan, scanDropped } from './scan.mjs'
import { start } from './start.mjs'
import { sweep } from './sweep.mjs'
import { traceroute } from './traceroute.mjs'
import { udp } from './udp.mjs'

export const workloads = {
  sweep,
  mixed,
  fleet,
  monitor,
  'monitor-service': monitorService,
  scale,
  rtt,
  scan,
  'scan-dropped': scanDropped,
  'http-kept': httpKept,
  'http-new': httpNew,
  'checks-tcp': checksTcp,
  'checks-dns': checksDns,
  'checks-http': checksHttp,
  'checks-https': checksHttps,
  'check-fleet': checkFleet,
  connect,
  listen,
  udp,
  bulk,
  'proxy-new': proxyNew,
  'proxy-bulk': proxyBulk,
  'proxy-idle': proxyIdle,
  'run-sockets': runSockets,
  'run-bulk': runBulk,
  ping,
  exporter,
  mtr,
  traceroute,
  start,
}
