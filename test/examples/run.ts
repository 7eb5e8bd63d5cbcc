import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { onTestFinished } from 'vitest'

const root = new URL('../../', import.meta.url)
const compiled = new URL('.cache/examples/', root)

/** Runs an example as a process, compiled like a user's own TypeScript. `netvia` is the published package. */
export class Example {
  readonly child: ChildProcessWithoutNullStreams
  output = ''
  readonly #exit: Promise<unknown>

  constructor(name: string, args: readonly (string | number)[] = [], env: NodeJS.ProcessEnv = {}) {
    this.child = spawn(process.execPath, [compileExample(name), ...args.map(String)], {
      env: { ...process.env, ...env },
    })
    this.#exit = once(this.child, 'exit')
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text
      })
    }
    onTestFinished(() => void this.child.kill('SIGKILL'))
  }

  get lines(): string[] {
    return this.output.split('\n').filter(Boolean)
  }

  /** Waits until the output contains or matches `text`. */
  async prints(text: string | RegExp): Promise<void> {
    const found = () => (typeof text === 'string' ? this.output.includes(text) : text.test(this.output))
    const deadline = Date.now() + 10_000
    while (!found()) {
      if (Date.now() > deadline) throw new Error(`${text} was not printed within 10 s:\n${this.output}`)
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }

  /** Waits for the end of the process and returns its exit code. */
  async ends(): Promise<number | null> {
    await this.#exit
    return this.child.exitCode
  }
}

export function compileExample(name: string): string {
  const source = readFileSync(new URL(`examples/${name}.ts`, root), 'utf8')
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true },
  })
  mkdirSync(compiled, { recursive: true })
  const path = fileURLToPath(new URL(`${name}.mjs`, compiled))
  // Write and rename, because tests on another Node may load the file at the same time.
  writeFileSync(`${path}.${process.pid}`, outputText)
  renameSync(`${path}.${process.pid}`, path)
  return path
}
