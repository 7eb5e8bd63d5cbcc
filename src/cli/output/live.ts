import { createLogUpdate } from 'log-update'

const frameMs = 100

/**
 * The last lines of a terminal, drawn again ten times a second, while finished lines go by above them. `stream` is where it is
 * drawn; finished lines always go to standard output, which may be a file.
 */
export class Live {
  readonly #draw: ReturnType<typeof createLogUpdate>
  readonly #render: () => string
  readonly #timer: NodeJS.Timeout
  #lines: string[] = []

  constructor(stream: NodeJS.WriteStream, render: () => string) {
    this.#draw = createLogUpdate(stream, { showCursor: true })
    this.#render = render
    this.#draw(render())
    this.#timer = setInterval(() => this.#frame(), frameMs)
  }

  line(text: string): void {
    this.#lines.push(text)
  }

  /** Takes the drawing away; what was said stays. */
  stop(): void {
    clearInterval(this.#timer)
    this.#draw.clear()
    this.#say()
    this.#draw.done()
  }

  #frame(): void {
    if (this.#lines.length) {
      this.#draw.clear()
      this.#say()
    }
    this.#draw(this.#render())
  }

  #say(): void {
    if (this.#lines.length) process.stdout.write(`${this.#lines.join('\n')}\n`)
    this.#lines = []
  }
}
