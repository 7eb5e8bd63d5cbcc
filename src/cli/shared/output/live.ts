import { createLogUpdate } from 'log-update'

const frameMs = 100

/**
 * The last lines of a terminal, redrawn ten times a second, while finished lines scroll by above them. `stream` is where they are
 * drawn. Finished lines go to their own stream, which can be a file, through `write`.
 */
export class Live {
  readonly #draw: ReturnType<typeof createLogUpdate>
  readonly #render: () => string
  readonly #stream: NodeJS.WriteStream
  readonly #write: (stream: NodeJS.WriteStream, text: string) => void
  readonly #timer: NodeJS.Timeout
  /** What is on the screen, as it was drawn for this width. */
  #shown: { text: string; columns: number } | undefined
  #waiting: { stream: NodeJS.WriteStream; text: string }[] = []

  constructor(
    stream: NodeJS.WriteStream,
    render: () => string,
    write: (stream: NodeJS.WriteStream, text: string) => void,
  ) {
    this.#stream = stream
    this.#write = write
    this.#draw = createLogUpdate(stream, { showCursor: true })
    this.#render = render
    this.#update()
    this.#timer = setInterval(() => this.#frame(), frameMs)
  }

  line(stream: NodeJS.WriteStream, text: string): void {
    this.#waiting.push({ stream, text })
  }

  /** Removes the drawing. Finished lines stay. */
  stop(): void {
    clearInterval(this.#timer)
    this.#draw.clear()
    this.#say()
    this.#draw.done()
  }

  #frame(): void {
    if (this.#stream.writableLength > 0) {
      // The terminal is slow or stopped. It gets the lines once, and the newest drawing when it has shown them.
      this.#draw.done()
      this.#shown = undefined
      this.#say()
      return
    }
    if (this.#waiting.length) {
      this.#draw.clear()
      this.#shown = undefined
      this.#say()
    }
    this.#update()
  }

  /** Wrapping the lines and comparing them with the screen costs more than most drawings. */
  #update(): void {
    const { columns } = this.#stream
    const text = this.#render()
    if (text === this.#shown?.text && columns === this.#shown.columns) return
    this.#shown = { text, columns }
    this.#draw(text)
  }

  #say(): void {
    // Thousands of lines in a frame are one write.
    for (const stream of [process.stdout, process.stderr]) {
      const text = this.#waiting.filter(line => line.stream === stream).map(line => `${line.text}\n`)
      if (text.length) this.#write(stream, text.join(''))
    }
    this.#waiting = []
  }
}
