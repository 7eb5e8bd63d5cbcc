import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { nodeChildProcess } from '../../builtins.js'

/** Lines of one run that are reported, and characters of each. */
const maxLines = 100
const maxLineLength = 1000
/** Milliseconds between the end of a command and the end of its output, which a process it left behind may hold open. */
const outputGrace = 100

export interface CommandRun {
  /** Resolves with what went wrong, or undefined. Never rejects. */
  ended: Promise<string | undefined>
  /** Kills the command with all it started, and ends the run with this failure, even if the kernel refuses. Once it has ended, nothing happens. */
  kill(failure: string): void
}

/** Runs a command without a shell. It is killed after `timeout` ms. `line` gets what it prints. */
export function startCommand(
  [file, ...args]: readonly string[],
  facts: Record<string, string>,
  timeout: number,
  line: (text: string) => void,
): CommandRun {
  let child: ChildProcess
  try {
    // A group of its own, so that what the command started ends with it.
    child = nodeChildProcess().spawn(file!, args, {
      env: { ...process.env, ...facts },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
  } catch (error) {
    // Out of descriptors or processes, or an argument that is too long.
    return { ended: Promise.resolve((error as Error).message), kill() {} }
  }
  let kill: CommandRun['kill'] = () => {}
  const ended = new Promise<string | undefined>(resolve => {
    // Without descriptors Node makes no outputs, and reports the error later.
    const outputs = [child.stdout, child.stderr].filter(output => output !== undefined) as Readable[]
    const endOutputs = readLines(outputs, line)
    let timer: NodeJS.Timeout
    const finish = (failure: string | undefined) => {
      clearTimeout(timer)
      endOutputs()
      resolve(failure)
    }
    kill = failure => {
      const refused = killGroup(child.pid)
      // The monitor waits neither for a hook that became root nor for one that hangs in the kernel.
      child.unref()
      finish(refused === undefined ? failure : `${failure}, but it goes on: ${refused}`)
    }
    timer = setTimeout(() => kill(`killed after ${timeout} ms`), timeout)
    child.once('error', error => finish(error.message))
    child.once('exit', (code, signal) => {
      const failure = code === 0 ? undefined : `ended by ${signal ?? `exit code ${code}`}`
      clearTimeout(timer)
      timer = setTimeout(() => finish(failure), outputGrace)
      child.once('close', () => finish(failure))
    })
  })
  return { ended, kill: failure => kill(failure) }
}

/** Kills the group. Returns why that failed, such as after a change of user. A process that has already ended is no failure. */
function killGroup(pid: number | undefined): string | undefined {
  if (pid === undefined) return undefined
  try {
    process.kill(-pid, 'SIGKILL')
    return undefined
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'EPERM' ? message : undefined
  }
}

/** Returns what ends the reading: a process that the command left behind may hold the pipe open. */
function readLines(streams: Readable[], line: (text: string) => void): () => void {
  let lines = 0
  const report = (text: string) => {
    if (text === '' || lines > maxLines) return
    lines++
    line(lines > maxLines ? '… (the rest is left out)' : text.slice(0, maxLineLength))
  }
  const ends = streams.map(stream => {
    const decoder = new StringDecoder()
    let rest = ''
    stream.on('data', (bytes: Buffer) => {
      // A command that prints without end must not hold up the checks.
      if (lines > maxLines) return
      const parts = (rest + decoder.write(bytes)).split('\n')
      rest = parts.pop()!.slice(0, maxLineLength)
      for (const part of parts) report(part)
    })
    // A pipe that breaks is no news.
    stream.on('error', () => {})
    return () => {
      report(rest)
      rest = ''
      stream.destroy()
    }
  })
  return () => {
    for (const end of ends) end()
  }
}
