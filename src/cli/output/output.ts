import { jsonLine } from './json.js'
import type { Live } from './live.js'
import type { Column } from './table.js'
import { describeTerminal, type Terminal } from './terminal.js'

/** Where results go: text for people, or one JSON object a line. Nothing is loaded before it is needed. */
export class Output {
  readonly terminal: Terminal = describeTerminal(process.stdout, process.env)
  readonly json: boolean
  readonly #command: string
  #live: Live | undefined

  constructor(command: string, json: boolean) {
    this.#command = command
    this.json = json
  }

  get color(): Terminal['color'] {
    return this.terminal.color
  }

  /** Text for people; with `--json` there is none. */
  line(text = ''): void {
    if (this.json) return
    this.#write(process.stdout, text)
  }

  /** An object for programs; without `--json` there is none. */
  object(event: string, fields: object): void {
    if (this.json) process.stdout.write(`${jsonLine(this.#command, event, fields)}\n`)
  }

  /** Beside the results, for people: standard error. */
  note(text: string): void {
    this.#write(process.stderr, text)
  }

  async table(columns: readonly Column[], rows: readonly (readonly string[])[]): Promise<void> {
    const { table } = await import('./table.js')
    this.line(table(this.#heads(columns), rows, this.terminal.columns))
  }

  /** A table that is drawn again while `work` goes on, where somebody looks; its last state is what stays. */
  async liveTable(columns: readonly Column[], rows: () => string[][], work: () => Promise<void>): Promise<void> {
    if (this.json) return work()
    const { table } = await import('./table.js')
    const draw = () => table(this.#heads(columns), rows(), this.terminal.columns)
    if (this.terminal.live) await this.#whileLive(process.stdout, draw, work)
    else await work()
    this.line(draw())
  }

  /** A line of progress below the results while `work` goes on, if any of the outputs is a terminal. */
  async progress(line: (columns: number) => string, work: () => Promise<void>): Promise<void> {
    const stream = this.terminal.live ? process.stdout : process.stderr
    if (!stream.isTTY || process.env.TERM === 'dumb' || (this.json && this.terminal.live)) return work()
    // The last column stays free: a line that fills it wraps.
    const draw = () => this.color.dim(line(Math.min(this.terminal.columns, stream.columns || 80) - 1))
    await this.#whileLive(stream, draw, work)
  }

  async #whileLive(stream: NodeJS.WriteStream, draw: () => string, work: () => Promise<void>): Promise<void> {
    const { Live } = await import('./live.js')
    this.#live = new Live(stream, draw)
    try {
      await work()
    } finally {
      this.#live.stop()
      this.#live = undefined
    }
  }

  #write(stream: NodeJS.WriteStream, text: string): void {
    if (this.#live) this.#live.line(stream, text)
    else stream.write(`${text}\n`)
  }

  #heads(columns: readonly Column[]): Column[] {
    return columns.map(column => ({ ...column, title: this.color.bold(column.title) }))
  }
}
