// Columns that several workloads share.
export const rate = title => ({ metric: 'rate', title, unit: '/s' })
export const cpuPerItem = title => ({ metric: 'cpuPerItemUs', title, unit: 'µs' })
export const cpu = { metric: 'cpuSeconds', title: 'CPU', unit: 's' }
export const memory = { metric: 'memoryMb', title: 'peak memory', unit: 'MB' }
/** For Node programs: the longest time between two turns of the event loop. */
export const loopHeld = { metric: 'loopHeldMs', title: 'loop held up', unit: 'ms' }
