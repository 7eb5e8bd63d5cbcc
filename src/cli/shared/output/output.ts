import { escapeControls } from './escape.js'
import { jsonLine } from './json.js'
import type { Live } from './live.js'
import type { Column } from './table.js'
import { describeTerminal, type Terminal } from './terminal.js'

/** A cell of a table: one line, or several. */
export type Cell = string | readonly string[]

/**
 * Where results go: text for people, or one JSON object a line. Nothing is loaded before it is needed, and nothing that goes out is a
 * command for the terminal.
 */
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

  /** Text for people, line by line; with `--json` there is none. */
  line(...lines: string[]): void {
    if (this.json) return
    for (const line of lines) this.#write(process.stdout, escapeControls(line))
  }

  /** An object for programs; without `--json` there is none. */
  object(event: string, fields: object): void {
    if (this.json) process.stdout.write(`${jsonLine(this.#command, event, fields)}\n`)
  }

  /** Beside the results, for people: standard error. */
  note(...lines: string[]): void {
    for (const line of lines) this.#write(process.stderr, escapeControls(line))
  }

  async table(columns: readonly Column[], rows: readonly (readonly Cell[])[]): Promise<void> {
    if (this.json) return
    const draw = await this.#drawer(columns)
    this.#write(process.stdout, draw(rows))
  }

  /** A table that is drawn again while `work` goes on, where somebody looks; its last state is what stays. */
  async liveTable(
    columns: readonly Column[],
    rows: () => Cell[][],
    work: () => Promise<void>,
    drawnOnce = false,
  ): Promise<void> {
    if (this.json) return work()
    const draw = await this.#drawer(columns)
    if (this.terminal.live && !drawnOnce) await this.#whileLive(process.stdout, () => draw(rows()), work)
    else await work()
    this.#write(process.stdout, draw(rows()))
  }

  /** Text for people that has gone through `escapeControls` already. */
  text(text: string, end = '\n'): void {
    if (!this.json) this.#write(process.stdout, text, end)
  }

  /** Rings the terminal's bell. It goes to standard error, where it is no part of the results. */
  bell(): void {
    if (!this.json) process.stderr.write('\x07')
  }

  /** Such text, drawn again while `work` goes on; none of it stays. */
  liveText(draw: () => string, work: () => Promise<void>): Promise<void> {
    return this.#whileLive(process.stdout, draw, work)
  }

  /** A line of progress below the results while `work` goes on, if any of the outputs is a terminal. */
  async progress(line: (columns: number) => string, work: () => Promise<void>): Promise<void> {
    const stream = this.terminal.live ? process.stdout : process.stderr
    if (!stream.isTTY || process.env.TERM === 'dumb' || (this.json && this.terminal.live)) return work()
    // The last column stays free: a line that fills it wraps.
    const draw = () => escapeControls(this.color.dim(line(Math.min(this.terminal.columns, stream.columns || 80) - 1)))
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

  #write(stream: NodeJS.WriteStream, text: string, end = '\n'): void {
    if (this.#live) this.#live.line(stream, text)
    else stream.write(`${text}${end}`)
  }

  async #drawer(columns: readonly Column[]): Promise<(rows: readonly (readonly Cell[])[]) => string> {
    const { table } = await import('./table.js')
    const heads = columns.map(column => ({ ...column, title: escapeControls(this.color.bold(column.title)) }))
    const text = (cell: Cell) => [cell].flat().map(escapeControls).join('\n')
    return rows =>
      table(
        heads,
        rows.map(row => row.map(text)),
        this.terminal.columns,
      )
  }
}
