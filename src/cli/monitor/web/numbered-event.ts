import type { ConfigureEvent, StateEvent, WarningEvent } from '../../../monitor/record/event-types.js'

/** An event of the monitor for readers, numbered and as plain JSON. */
export type NumberedEvent = { id: number } & (
  | ({ event: 'state' } & StateEvent)
  | ({ event: 'warning' } & Omit<WarningEvent, 'error'>)
  | ({ event: 'configure' } & ConfigureEvent)
)
