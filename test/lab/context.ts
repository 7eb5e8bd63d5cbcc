export type Host = 'router' | 'isp1' | 'isp2' | 'internet' | 'relay' | 'slow'

/** One of the router's ways out: its own addresses and the gateways behind it. */
export interface Uplink {
  device: string
  address4: string
  address6: string
  gateway4: string
  gateway6: string
}

/** What tools/test/run.mjs hands over: tools/lab/plan.mjs with the names of this run. */
interface Context {
  /** Why there is no laboratory. Addresses are there all the same, so that tests can be collected and named. */
  missing?: string
  /** Folder for files of this run, removed with the laboratory. */
  folder: string
  /** Namespace of each host. */
  names: Record<Host, string>
  /** For `ip -batch` in a namespace each: set devices and routes as they were at the start. */
  repairs: [namespace: string, commands: string[]][]
  wan1: Uplink
  wan2: Uplink
  server: { address4: string; address6: string; name: string }
  slow: { device: string; address4: string; address6: string }
  crowd: string
}

function readContext(): Context {
  const text = process.env.NETVIA_LAB
  if (!text) throw new Error('tests of the laboratory are run by: npm test -- network')
  return JSON.parse(text)
}

export const context = readContext()
