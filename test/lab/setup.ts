import { execFileSync } from 'node:child_process'
import { afterAll, afterEach } from 'vitest'
import { cleanUp } from './cleanup.js'
import { context } from './context.js'
import { run } from './processes.js'

/**
 * A cable that was pulled takes addresses, neighbours and routes with it, and connections of processes that have ended go on
 * trying: the next file finds all as at the start, and so does the next try of a test that failed.
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
