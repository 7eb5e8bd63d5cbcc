import type { Context, Script } from 'node:vm'
import type { Worker } from 'node:worker_threads'
import { nodeVm, nodeWorkerThreads } from '../builtins.js'

/** What most patterns take far less than, in milliseconds: so long the event loop waits. */
const quickMs = 10
/** What any pattern may take, in a thread of its own. */
export const matchLimitMs = 1000
/** How long the thread is kept for the next. */
const idleMs = 10_000

/**
 * Whether one of the texts has what is expected. A server chooses the text, and some patterns take time exponential in its
 * length (`/(a+)+$/`): what isn't known after 10 ms is found out in a worker thread, which is ended after another second.
 * Undefined: not known by then.
 */
export async function anyMatches(
  texts: readonly string[],
  expected: string | RegExp,
  { exact = false, signal }: { exact?: boolean; signal?: AbortSignal } = {},
): Promise<boolean | undefined> {
  if (typeof expected === 'string') return texts.some(text => (exact ? text === expected : text.includes(expected)))
  const { source, flags } = expected
  const job: Job = { texts, source, flags }
  return matchHere(job) ?? matchElsewhere(job, signal)
}

interface Job {
  readonly texts: readonly string[]
  readonly source: string
  readonly flags: string
}

/** search() and not test(), which goes on from where a global pattern matched last. */
const find = '({ texts, source, flags }) => texts.some(text => text.search(new RegExp(source, flags)) !== -1)'

let sandbox: { context: Context; script: Script } | undefined

/** V8 ends what takes too long, regular expressions included; other engines have no such limit. */
function matchHere(job: Job): boolean | undefined {
  if (process.versions.bun || process.versions.deno) return undefined
  const { createContext, Script } = nodeVm()
  sandbox ??= { context: createContext({}), script: new Script(`(${find})(job)`) }
  sandbox.context.job = job
  try {
    return sandbox.script.runInContext(sandbox.context, { timeout: quickMs })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
    return undefined
  } finally {
    sandbox.context.job = undefined
  }
}

let worker: Worker | undefined
let idle: NodeJS.Timeout | undefined
/** One after another: the thread has one job at a time. */
let last: Promise<unknown> = Promise.resolve()

function matchElsewhere(job: Job, signal: AbortSignal | undefined): Promise<boolean | undefined> {
  const result = last.then(() => (signal?.aborted ? undefined : runInWorker(job, signal)))
  last = result.catch(() => {})
  return result
}

function runInWorker(job: Job, signal: AbortSignal | undefined): Promise<boolean | undefined> {
  clearTimeout(idle)
  const thread = worker ?? startWorker()
  worker = thread
  return new Promise(resolve => {
    const settle = (found: boolean | undefined) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      thread.removeAllListeners()
      if (found === undefined) endWorker()
      else idle = setTimeout(endWorker, idleMs).unref()
      resolve(found)
    }
    const onAbort = () => settle(undefined)
    const timer = setTimeout(onAbort, matchLimitMs)
    signal?.addEventListener('abort', onAbort)
    thread.on('message', settle)
    // Where threads are refused.
    thread.on('error', onAbort)
    thread.postMessage(job)
  })
}

/** From a text: a bundler would not find a file. */
function startWorker(): Worker {
  const program = `const { parentPort } = require('node:worker_threads')
const find = ${find}
parentPort.on('message', job => parentPort.postMessage(find(job)))`
  const started = new (nodeWorkerThreads().Worker)(program, { eval: true, execArgv: [] })
  started.unref()
  return started
}

function endWorker(): void {
  worker?.terminate()
  worker = undefined
}
