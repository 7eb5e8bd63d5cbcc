import type { Context, Script } from 'node:vm'
import type { Worker } from 'node:worker_threads'
import { addon } from '../binding/addon.js'
import { nodeVm, nodeWorkerThreads } from '../builtins.js'
import { NetviaError, systemError } from '../errors.js'
import { monotonicNow } from '../monotonic.js'
import type { Signal } from '../runtime/cancel.js'
import { Deadline, noLongerNeeded } from '../runtime/deadline.js'
import { SerialQueue } from '../runtime/serial-queue.js'
import { setImmediate, unref } from '../runtime/timers.js'

/** Milliseconds a match may block the event loop. Most patterns take far less. */
const quickMs = 10
/** Milliseconds any match may take in the worker thread. */
export const matchLimitMs = 1000
/** Milliseconds the thread may take to start. */
const startLimitMs = 30_000
/** Milliseconds the thread stays idle for the next match. */
const idleMs = 10_000

/** Whether one of the texts contains what is expected. A pattern may take as long as in `firstMatch`; undefined if it needs more. */
export async function anyMatches(
  texts: readonly string[],
  expected: string | RegExp,
  { exact = false, signal }: { exact?: boolean; signal?: Signal } = {},
): Promise<boolean | undefined> {
  if (typeof expected === 'string') return texts.some(text => (exact ? text === expected : text.includes(expected)))
  const found = await firstMatch(texts, expected, signal)
  return found && found !== 'none'
}

/** What a pattern has found: the text and its groups, by number and by name. */
export interface Match {
  readonly groups: readonly (string | undefined)[]
  readonly named: Readonly<Record<string, string | undefined>>
}

/**
 * What a pattern finds in the first of the texts that has it. The server chooses the text, and some patterns take time
 * exponential in its length (`/(a+)+$/`). After 10 ms, the match moves to a worker thread, which is ended after a second of
 * work. Returns undefined if there is no result by then.
 */
export async function firstMatch(texts: readonly string[], { source, flags }: RegExp, signal?: Signal): Promise<Found> {
  const job: Job = { texts, source, flags }
  // A server can send thousands of lines at a time. Each is quick, all of them are not.
  while (spentMs > quickMs) await nextTurn()
  const begun = monotonicNow()
  const found = matchHere(job)
  spentMs += monotonicNow() - begun
  return found ?? matchElsewhere(job, signal)
}

/** Time that matches have taken of this turn of the event loop. */
let spentMs = 0
/** One for all that wait: the first of them may use up the next turn. */
let turn: Promise<void> | undefined

function nextTurn(): Promise<void> {
  turn ??= new Promise(resolve =>
    setImmediate(() => {
      spentMs = 0
      turn = undefined
      resolve()
    }),
  )
  return turn
}

interface Job {
  readonly texts: readonly string[]
  readonly source: string
  readonly flags: string
}

type Found = Match | 'none' | undefined

/** A pattern of its own for each text: a global one would continue where it last matched. */
const find = `({ texts, source, flags }) => {
  for (const text of texts) {
    const found = new RegExp(source, flags).exec(text)
    if (found) return { groups: [...found], named: { ...found.groups } }
  }
  return 'none'
}`

let sandbox: { context: Context; script: Script } | undefined

/** V8 can stop a long match. Other engines have no such limit. */
function matchHere(job: Job): Found {
  if (process.versions.bun || process.versions.deno) return undefined
  const { createContext, Script } = nodeVm()
  sandbox ??= { context: createContext({}), script: new Script(`(${find})(job)`) }
  sandbox.context.job = job
  requireLimit()
  try {
    return sandbox.script.runInContext(sandbox.context, { timeout: quickMs })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
    return undefined
  } finally {
    sandbox.context.job = undefined
  }
}

/** AF_UNIX, SOCK_DGRAM: the cheapest to open. */
const localSocket = [1, 2, 0] as const
/** Node enforces the time limit from an event loop of its own, which needs five descriptors. The other three are a margin. */
const descriptorsOfLimit = 8

/**
 * Node gives a script's time limit an event loop and a thread. If it can't have them, it ends the whole process
 * (`Failed to initialize uv loop`).
 *
 * @throws NetviaError `EMFILE`, `ENFILE`, `EAGAIN`.
 */
function requireLimit(): void {
  const opened = Array.from({ length: descriptorsOfLimit }, () => addon().socket(...localSocket))
  for (const fd of opened) if (fd >= 0) addon().close(fd)
  const noDescriptor = opened.find(fd => fd < 0)
  if (noDescriptor !== undefined)
    throw systemError(noDescriptor, 'socket', { hint: `a pattern needs ${descriptorsOfLimit} free descriptors` })
  const noThread = addon().tryThread()
  if (noThread < 0)
    throw systemError(noThread, 'pthread_create', { hint: 'a pattern needs a thread: a limit of processes is reached' })
}

let worker: Worker | undefined
/**
 * The thread's message once it has started. Starting takes seconds on a busy router, which says nothing about the pattern.
 */
const ready = 'ready'
let isReady = false
let idle: NodeJS.Timeout | undefined
/** The thread has one job at a time. */
const jobs = new SerialQueue()

function matchElsewhere(job: Job, signal: Signal | undefined): Promise<Found> {
  return jobs.run(() => (signal?.aborted ? undefined : runInWorker(job, signal)))
}

function runInWorker(job: Job, signal: Signal | undefined): Promise<Found> {
  clearTimeout(idle)
  const thread = worker ?? startWorker()
  worker = thread
  return new Promise(resolve => {
    const settle = (found: Found) => {
      limit.end()
      // Not all of them: by its own, the thread's port opens again for the next match.
      thread.removeAllListeners('message').removeAllListeners('error')
      if (found === undefined) endWorker()
      else idle = unref(setTimeout(endWorker, idleMs))
      resolve(found)
    }
    const giveUp = () => settle(undefined)
    const within = (ms: number) => {
      const deadline = new Deadline(ms, signal, () => noLongerNeeded)
      deadline.signal.addEventListener('abort', giveUp)
      return deadline
    }
    let limit = within(isReady ? matchLimitMs : startLimitMs)
    const begin = () => {
      isReady = true
      limit.end()
      limit = within(matchLimitMs)
    }
    thread.on('message', said => (said === ready ? begin() : settle(said)))
    // For environments that refuse threads.
    thread.on('error', giveUp)
    thread.postMessage(job)
  })
}

/** Starts from a string, because a bundler would not find a file. */
function startWorker(): Worker {
  const program = `const { parentPort } = require('node:worker_threads')
const find = ${find}
parentPort.on('message', job => parentPort.postMessage(find(job)))
parentPort.postMessage('${ready}')`
  try {
    const started = new (nodeWorkerThreads().Worker)(program, { eval: true, execArgv: [] })
    started.unref()
    isReady = false
    return started
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const hint =
      code === 'ERR_ACCESS_DENIED' ? 'start Node with --allow-worker' : 'a limit of processes or memory may be reached'
    throw new NetviaError(`a slow pattern needs a thread: ${message}`, { code: code!, hint, cause })
  }
}

function endWorker(): void {
  worker?.terminate()
  worker = undefined
}
