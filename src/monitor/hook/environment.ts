import type { StateEvent } from '../record/event-types.js'

/** Why the hook is called. */
export type HookCause = 'change' | 'start' | 'configure'

/** The hook's environment variables. */
export function hookEnvironment(
  uplink: string,
  device: string | undefined,
  event: HookCause,
  { from, to, reason, at }: Omit<StateEvent, 'uplink'>,
): Record<string, string> {
  return {
    NETVIA_EVENT: event,
    NETVIA_UPLINK: uplink,
    NETVIA_DEVICE: device ?? '',
    NETVIA_STATE: to,
    NETVIA_PREVIOUS_STATE: from,
    NETVIA_REASON: reason.replaceAll('\0', ''),
    NETVIA_AT: String(at),
  }
}
