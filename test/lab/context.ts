export type Host = 'router' | 'isp1' | 'isp2' | 'internet' | 'relay' | 'slow'

/** An uplink of the router, with its addresses and gateways. */
export interface Uplink {
  device: string
  address4: string
  address6: string
  gateway4: string
  gateway6: string
}

/** The laboratory's description from tools/test/run.mjs: tools/lab/plan.mjs with the names of this run. */
interface Context {
  /** The reason why there is no laboratory. The addresses are still present, so that tests can be collected and named. */
  missing?: string
  /** A folder for the files of this run. It is removed with the laboratory. */
  folder: string
  /** The namespace of each host. */
  names: Record<Host, string>
  /** Commands for `ip -batch` in each namespace that restore devices and routes. */
  repairs: [namespace: string, commands: string[]][]
  wan1: Uplink
  wan2: Uplink
  server: { address4: string; address6: string; name: string }
  slow: { device: string; address4: string; address6: string }
  crowd: string
}

function readContext(): Context {
  const text = process.env.NETVIA_LAB
  if (!text) throw new Error('run tests that need the laboratory by: npm test -- network')
  return JSON.parse(text)
}

export const context = readContext()
