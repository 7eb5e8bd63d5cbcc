import { usageError } from '../shared/arguments.js'

/** The meaning of a class in double brackets, and of one-letter classes that are wider in JavaScript. */
const posix: Record<string, string> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7f',
  blank: '\\t ',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`\\{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
}
const space = '\\t\\n\\f\\r '
const syntax = /[\^$\\.*+?()[\]{}|/]/

/**
 * Converts a pattern of Go's regexp package (RE2) to JavaScript. Modifiers may only be at the beginning.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` for what Go refuses too (look-around, back references), and for `\C` and
 * later modifiers.
 */
export function goRegExp(pattern: string): RegExp {
  const [prefix, modifiers = ''] = /^\(\?([a-zA-Z-]+)\)/.exec(pattern) ?? ['']
  if (!/^[ism]*$/.test(modifiers)) throw refused(pattern, `the modifiers ${prefix}`)
  const translated = new Translation(pattern, prefix.length, modifiers).run()
  try {
    return new RegExp(translated, modifiers.includes('i') ? 'iu' : 'u')
  } catch (error) {
    throw refused(pattern, (error as Error).message.replace(/^.*: /s, ''))
  }
}

function refused(pattern: string, what: string): Error {
  return usageError(`the regular expression ${JSON.stringify(pattern)} is not supported: ${what}`)
}

class Translation {
  readonly #pattern: string
  readonly #modifiers: string
  #at: number

  constructor(pattern: string, start: number, modifiers: string) {
    this.#pattern = pattern
    this.#at = start
    this.#modifiers = modifiers
  }

  run(): string {
    let made = ''
    while (this.#at < this.#pattern.length) made += this.#next()
    return made
  }

  #next(): string {
    const lines = this.#modifiers.includes('m')
    const char = this.#take(/[\s\S]/uy)!
    if (char === '.') return this.#modifiers.includes('s') ? '[^]' : '[^\\n]'
    if (char === '^') return lines ? '(?<![^\\n])' : '^'
    if (char === '$') return lines ? '(?![^\\n])' : '$'
    if (char === '\\') return this.#escape(false)
    if (char === '[') return this.#class()
    if (char === '(') return this.#group()
    // A brace that is no count stands for itself.
    if (char === '{') return this.#take(/\d+(,\d*)?\}/y)?.replace(/^/, '{') ?? '\\{'
    return /[}\]/]/.test(char) ? `\\${char}` : char
  }

  #group(): string {
    const name = this.#take(/\?P?<\w+>/y)
    if (name !== undefined) return `(${name.replace('P', '')}`
    if (this.#take(/\?:/y) !== undefined) return '(?:'
    const other = this.#take(/\?[^)]{0,3}/y)
    if (other !== undefined) throw refused(this.#pattern, `"(${other}" inside of it`)
    return '('
  }

  #class(): string {
    let made = this.#take(/\^/y) === undefined ? '[' : '[^'
    if (this.#take(/\]/y) !== undefined) made += '\\]'
    for (;;) {
      const named = this.#take(/\[:\^?\w+:\]/y)
      const char = named ?? this.#take(/[\s\S]/uy)
      if (char === undefined) throw refused(this.#pattern, 'missing ]')
      if (named !== undefined) made += this.#named(named)
      else if (char === ']') return `${made}]`
      else if (char === '\\') made += this.#escape(true)
      else made += char === '-' || !syntax.test(char) ? char : `\\${char}`
    }
  }

  #named(text: string): string {
    const found = posix[text.slice(2, -2)]
    if (found === undefined) throw refused(this.#pattern, `the class ${text}`)
    return found
  }

  #escape(inClass: boolean): string {
    if (!inClass && this.#take(/Q/y) !== undefined) return this.#quoted()
    const wide = this.#take(/x\{[\da-fA-F]+\}/y)
    if (wide !== undefined) return `\\u${wide.slice(1)}`
    const octal = this.#take(/0[0-7]{0,2}/y)
    if (octal !== undefined) return `\\u{${Number.parseInt(octal, 8).toString(16)}}`
    const property = this.#take(/[pP](\{\^?\w+\}|\w)/y)
    if (property !== undefined) return propertyOf(property)
    const char = this.#take(/[\s\S]/uy)
    if (char === undefined) throw refused(this.#pattern, 'it ends with a backslash')
    if (char === 'a') return '\\x07'
    if (char === 's') return inClass ? space : `[${space}]`
    if (char === 'S' && !inClass) return `[^${space}]`
    if (!inClass && char === 'A') return '(?<![^])'
    if (!inClass && char === 'z') return '(?![^])'
    if (/[dDwWfnrtvx]/.test(char) || (!inClass && /[bB]/.test(char))) return `\\${char}`
    if (/[\da-zA-Z]/.test(char)) throw refused(this.#pattern, `\\${char}`)
    return syntax.test(char) || (inClass && char === '-') ? `\\${char}` : char
  }

  #quoted(): string {
    const text = this.#take(/[\s\S]*?(?=\\E|$)/y)!
    this.#take(/\\E/y)
    return text.replace(/[\^$\\.*+?()[\]{}|/]/g, '\\$&')
  }

  #take(expected: RegExp): string | undefined {
    expected.lastIndex = this.#at
    const found = expected.exec(this.#pattern)?.[0]
    this.#at += found?.length ?? 0
    return found
  }
}

/** One or two letters are a general category. A longer text is the name of a script. */
function propertyOf(text: string): string {
  const name = text.slice(1).replace(/[{}^]/g, '')
  const negated = (text[0] === 'P') !== text.includes('^')
  return `\\${negated ? 'P' : 'p'}{${name.length > 2 ? `Script=${name}` : name}}`
}
