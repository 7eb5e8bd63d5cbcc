import { nodeCrypto } from '../builtins.js'

/** A secret of which only the digest is kept. */
export class Secret {
  readonly #digest: Buffer

  constructor(text: string) {
    this.#digest = digest(text)
  }

  /** Takes the same time whatever is wrong about the text. */
  is(text: string): boolean {
    return nodeCrypto().timingSafeEqual(digest(text), this.#digest)
  }
}

/** Equally long for every text. */
function digest(text: string): Buffer {
  return nodeCrypto().createHash('sha256').update(text).digest()
}
