import { setFlagsFromString } from 'node:v8'

/**
 * Keeps V8's young generation as small as it starts, instead of letting it grow to 32 MB and more. The objects of a check die soon,
 * and routers have little memory. V8 reads this flag when the program runs; on the command line it has no effect.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}
