import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'

/** The compiled command. tools/test/run.mjs compiles it before the tests. */
export const command = fileURLToPath(new URL('../../dist/cli.cjs', import.meta.url))

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface CliOptions {
  env?: NodeJS.ProcessEnv
  input?: string
}

/** The environment without the settings of the terminal in which the tests run. */
const { COLUMNS: _columns, NO_COLOR: _noColor, FORCE_COLOR: _forceColor, ...plainEnvironment } = process.env

export function startCli(
  args: string[],
  { env = {}, input }: CliOptions = {},
): ChildProcess & { ended: Promise<Ended> } {
  const child = spawn(process.execPath, [command, ...args], { env: { ...plainEnvironment, ...env } })
  child.stdin!.end(input)
  return Object.assign(child, { ended: collect(child) })
}

export function netvia(args: string[], options?: CliOptions): Promise<Ended> {
  return startCli(args, options).ended
}

/** Parses the output of `--json`. */
export function objects({ stdout }: Ended): Record<string, unknown>[] {
  return stdout
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line))
}

/** Runs a shell command line in which `netvia` is the compiled command. Leaves nothing running. */
export async function shell(line: string, env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const script = `netvia() { "${process.execPath}" "${command}" "$@"; }\n${line}`
  const child = spawn('bash', ['-c', script], {
    env: { ...plainEnvironment, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return collect(child)
}

/** Collects the output of a process and its exit code or signal. */
export async function collect(child: ChildProcess): Promise<Ended> {
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', chunk => {
      text[name] += chunk
    })
  }
  const [code, signal] = await once(child, 'close')
  expect(text.stderr).not.toMatch(/^\(node:\d+\) (?!ExperimentalWarning)/m)
  return { code, signal, ...text }
}
