import { execFileSync } from 'node:child_process'
import { afterAll, afterEach } from 'vitest'
import { cleanUp } from './cleanup.js'
import { context } from './context.js'
import { run } from './processes.js'

/**
 * Restores the network for the next file, or the next try of a failed test. A pulled cable removes addresses, neighbours and routes, and
 * the connections of processes that have ended keep retransmitting.
 */
function repairNetwork(): void {
  if (context.missing) return
  run('router', 'ss', '--kill', '--tcp', 'state', 'connected')
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

afterEach(({ task }) => {
  if (task.result?.state === 'fail') repairNetwork()
})
