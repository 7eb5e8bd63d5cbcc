import { lab } from '../lab/index.js'
import { startMonitor } from '../unit/monitor-command.js'

/** A typical configuration for the laboratory's two uplinks. */
export const configuration = `
interval: 100ms
timeout: 1s
uplinks:
  - name: fibre
    device: wan1
    checks: [{ type: ping, host: ${lab.server.address4} }]
  - name: lte
    device: wan2
    priority: 2
    checks: [{ type: ping, host: ${lab.server.address4} }]
`

/** Starts `netvia monitor` in the laboratory's router. Resolves once both uplinks are up. */
export async function watchUplinks(args: string[] = [], env: NodeJS.ProcessEnv = {}, text = configuration) {
  const monitor = startMonitor(text, ['--listen', '0', ...args], env)
  await monitor.says(/fibre.*: unknown -> up/)
  await monitor.says(/lte: unknown -> up/)
  return { monitor, url: await monitor.url() }
}

export const unplug = () => lab.run('isp1', 'ip', 'link', 'set', 'customer', 'down')
export const plug = () => lab.run('isp1', 'ip', 'link', 'set', 'customer', 'up')
