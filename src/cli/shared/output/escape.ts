import { random16 } from '../../../binding/random.js'

/** What a terminal obeys, ends a line at, or writes in another order than it stands: control characters, separators, directions. */
const commands = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu

/** In the colours of `paint`: nobody outside of this process can know it. Made when first needed: `--help` needs no addon. */
let secret: { mark: string; painted: RegExp } | undefined

function makeSecret() {
  const mark = `${random16()}0${random16()}`
  return { mark, painted: new RegExp(`\x1b\\[(\\d+);${mark}m`) }
}

/** The escape sequence of a colour, for `escapeControls` to let through. */
export function paint(code: number): string {
  secret ??= makeSecret()
  return `\x1b[${code};${secret.mark}m`
}

/**
 * Text as a terminal may have it, one line: names, messages and records come from anywhere, and may hold commands for it. Those are
 * written out, as `\x1b`; only colours of `paint` stay.
 */
export function escapeControls(text: string): string {
  const parts = secret ? text.split(secret.painted) : [text]
  return parts.map((part, index) => (index % 2 ? `\x1b[${part}m` : part.replace(commands, writtenOut))).join('')
}

/** The same of text whose own ends of lines may stay. */
export function escapeControlsLines(text: string): string {
  return text.split('\n').map(escapeControls).join('\n')
}

/** JSON as a terminal may have it: it means the same. JSON itself escapes no more than the first 32 (RFC 8259). */
export function escapeJson(text: string): string {
  return text.replace(commands, character => `\\u${hexadecimal(character, 4)}`)
}

function writtenOut(character: string): string {
  if (character === '\n') return '\\n'
  return character < '\u0100' ? `\\x${hexadecimal(character, 2)}` : `\\u${hexadecimal(character, 4)}`
}

function hexadecimal(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, '0')
}
