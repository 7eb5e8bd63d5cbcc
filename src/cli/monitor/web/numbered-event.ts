import type { ConfigureEvent, StateEvent, WarningEvent } from '../../../monitor/record/reports.js'

/** An event of the monitor as it is handed out: numbered, and plain JSON. */
export type NumberedEvent = { id: number } & (
  | ({ event: 'state' } & StateEvent)
  | ({ event: 'warning' } & Omit<WarningEvent, 'error'>)
  | ({ event: 'configure' } & ConfigureEvent)
)
