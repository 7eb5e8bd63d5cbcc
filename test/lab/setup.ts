import { execFileSync } from 'node:child_process'
import { afterAll } from 'vitest'
import { cleanUp } from './cleanup.js'
import { context } from './context.js'

/** A cable that was pulled takes addresses, neighbours and routes with it: the next file finds all as at the start. */
function repairNetwork(): void {
  if (context.missing) return
  for (const [namespace, commands] of context.repairs) {
    execFileSync('ip', ['-n', namespace, '-batch', '-'], {
      input: commands.join('\n'),
      stdio: ['pipe', 'ignore', 'inherit'],
    })
  }
}

afterAll(async () => {
  await cleanUp()
  repairNetwork()
})
