import { nodeDiagnosticsChannel } from '../../builtins.js'

/** For each event of a monitor, the channel of diagnostics_channel that has it too. */
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
