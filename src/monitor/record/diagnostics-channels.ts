import { nodeDiagnosticsChannel } from '../../builtins.js'

/** The diagnostics_channel of each event of a monitor. */
export function diagnosticsChannels() {
  const { channel } = nodeDiagnosticsChannel()
  return {
    state: channel('netvia:monitor:state'),
    check: channel('netvia:monitor:check'),
    hook: channel('netvia:monitor:hook'),
    warning: channel('netvia:monitor:warning'),
    configure: channel('netvia:monitor:configure'),
  }
}
