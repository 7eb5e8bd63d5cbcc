import { random16 } from '../../../binding/random.js'

/** Control characters, line separators and direction marks: a terminal obeys them, ends a line there, or reorders text. */
const commands = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu

/** Marks the colours of `paint`. Only this process knows it. It is made when first needed, because `--help` needs no addon. */
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
 * Makes text safe for one line of a terminal. Names, messages and records can contain control characters from anywhere. Those are
 * escaped, as `\x1b`. Only colours of `paint` stay.
 */
export function escapeControls(text: string): string {
  const parts = secret ? text.split(secret.painted) : [text]
  return parts.map((part, index) => (index % 2 ? `\x1b[${part}m` : part.replace(commands, writtenOut))).join('')
}

/** The same, but line breaks stay. */
export function escapeControlsLines(text: string): string {
  return text.split('\n').map(escapeControls).join('\n')
}

/** Makes JSON safe for a terminal without changing its meaning. JSON itself escapes only the first 32 characters (RFC 8259). */
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
