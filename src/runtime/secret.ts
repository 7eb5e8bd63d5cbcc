import { nodeCrypto } from '../builtins.js'

/** A secret. Only its digest is kept. */
export class Secret {
  readonly #digest: Buffer

  constructor(text: string) {
    this.#digest = digest(text)
  }

  /** Takes the same time whether the text is right or wrong. */
  is(text: string): boolean {
    return nodeCrypto().timingSafeEqual(digest(text), this.#digest)
  }
}

/** Returns the same length for every text. */
function digest(text: string): Buffer {
  return nodeCrypto().createHash('sha256').update(text).digest()
}
