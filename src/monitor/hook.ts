import type { ChildProcess } from 'node:child_process'

/** Runs waiting at most: a hook that hangs must not pile them up. */
const maxWaiting = 64
/** What is kept of a hook's standard error for the warning, in characters. */
const maxErrorText = 500

/** Runs a user's command once for each change of state, one after the other and in order. No shell. */
export class Hook {
  readonly #command: readonly string[]
  readonly #timeout: number
  readonly #failed: (error: Error) => void
  #queue: Promise<void> = Promise.resolve()
  #waiting = 0

  constructor(command: readonly string[], timeout: number, failed: (error: Error) => void) {
    this.#command = command
    this.#timeout = timeout
    this.#failed = failed
  }

  /** `facts` are added to the environment. */
  run(facts: Record<string, string>): void {
    if (this.#waiting === maxWaiting) {
      this.#failed(new Error(`${maxWaiting} runs wait already; this one is left out`))
      return
    }
    this.#waiting++
    this.#queue = this.#queue.then(async () => {
      this.#waiting--
      await this.#runNow(facts).catch(this.#failed)
    })
  }

  /** Resolves when every run has ended. */
  idle(): Promise<void> {
    return this.#queue
  }

  async #runNow(facts: Record<string, string>): Promise<void> {
    const { spawn } = await import('node:child_process')
    const [file, ...args] = this.#command
    await ended(
      // A group of its own, so that what the command started ends with it.
      spawn(file!, args, { env: { ...process.env, ...facts }, stdio: ['ignore', 'ignore', 'pipe'], detached: true }),
      this.#timeout,
    )
  }
}

function ended(child: ChildProcess, timeout: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let errors = ''
    let late = false
    child.stderr?.setEncoding('utf8').on('data', text => {
      errors = (errors + text).slice(-maxErrorText)
    })
    const timer = setTimeout(() => {
      late = true
      process.kill(-child.pid!, 'SIGKILL')
    }, timeout)
    const finish = (failure: string | undefined) => {
      clearTimeout(timer)
      // A process of the command's own may live on and hold it open.
      child.stderr?.destroy()
      if (failure === undefined) resolve()
      else reject(new Error([failure, errors.trim()].filter(Boolean).join(': ')))
    }
    child.once('error', error => finish(error.message))
    child.once('exit', (code, signal) => {
      if (late) finish(`killed after ${timeout} ms`)
      else finish(code === 0 ? undefined : `ended by ${signal ?? `exit code ${code}`}`)
    })
  })
}
