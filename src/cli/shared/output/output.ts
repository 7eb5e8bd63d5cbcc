import { escapeControls } from './escape.js'
import { jsonLine } from './json.js'
import type { Live } from './live.js'
import { ServiceOutput } from './service-output.js'
import type { Column } from './table.js'
import { describeTerminal, type Terminal } from './terminal.js'

/** A cell of a table: one line, or several. */
export type Cell = string | readonly string[]

/**
 * Prints results as text for people, or as one JSON object a line. It loads modules when they are needed, and escapes
 * control characters.
 */
export class Output {
  readonly terminal: Terminal = describeTerminal(process.stdout, process.env)
  readonly json: boolean
  readonly #command: string
  #live: Live | undefined
  #service: ServiceOutput | undefined

  constructor(command: string, json: boolean) {
    this.#command = command
    this.json = json
  }

  /** From now on the work matters more than its output. */
  serve(): void {
    this.#service = new ServiceOutput([process.stdout, process.stderr])
  }

  get color(): Terminal['color'] {
    return this.terminal.color
  }

  /** Prints lines for people; with `--json`, nothing. */
  line(...lines: string[]): void {
    if (this.json) return
    for (const line of lines) this.#write(process.stdout, escapeControls(line))
  }

  /** Prints an object for programs; without `--json`, nothing. */
  object(event: string, fields: object): void {
    if (this.json) this.#put(process.stdout, `${jsonLine(this.#command, event, fields)}\n`)
  }

  /** Prints to standard error, for people. */
  note(...lines: string[]): void {
    for (const line of lines) this.#write(process.stderr, escapeControls(line))
  }

  async table(columns: readonly Column[], rows: readonly (readonly Cell[])[]): Promise<void> {
    if (this.json) return
    const draw = await this.#drawer(columns)
    this.#write(process.stdout, draw(rows))
  }

  /** A table that a terminal redraws while `work` runs. Its last state stays. */
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

  /** Prints text for people that is already escaped. */
  text(text: string, end = '\n'): void {
    if (!this.json) this.#write(process.stdout, text, end)
  }

  /** Rings the terminal's bell. It goes to standard error, so it isn't part of the results. */
  bell(): void {
    if (!this.json) process.stderr.write('\x07')
  }

  /** Escaped text that is redrawn while `work` runs, and then removed. */
  liveText(draw: () => string, work: () => Promise<void>): Promise<void> {
    return this.#whileLive(process.stdout, draw, work)
  }

  /** A progress line below the results while `work` runs, if any output is a terminal. */
  async progress(line: (columns: number) => string, work: () => Promise<void>): Promise<void> {
    const stream = this.terminal.live ? process.stdout : process.stderr
    if (!stream.isTTY || process.env.TERM === 'dumb' || (this.json && this.terminal.live)) return work()
    // The last column stays free: a line that fills it wraps.
    const draw = () => escapeControls(this.color.dim(line(Math.min(this.terminal.columns, stream.columns || 80) - 1)))
    await this.#whileLive(stream, draw, work)
  }

  async #whileLive(stream: NodeJS.WriteStream, draw: () => string, work: () => Promise<void>): Promise<void> {
    const { Live } = await import('./live.js')
    this.#live = new Live(stream, draw, (stream, text) => this.#put(stream, text))
    try {
      await work()
    } finally {
      this.#live.stop()
      this.#live = undefined
    }
  }

  #write(stream: NodeJS.WriteStream, text: string, end = '\n'): void {
    if (this.#live) this.#live.line(stream, text)
    else this.#put(stream, `${text}${end}`)
  }

  #put(stream: NodeJS.WriteStream, text: string): void {
    if (this.#service) this.#service.write(stream, text)
    else stream.write(text)
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
