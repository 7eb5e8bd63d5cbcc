import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fired } from '../shared/interrupt.js'
import { escapeControls } from '../shared/output/escape.js'
import type { Session } from '../shared/session.js'

export interface GrepableFile {
  write(line: string): void
  end(): Promise<void>
}

/** In ms after an interrupt, for a file that is a pipe without a reader. */
const patience = 1000

/** Where `-oG` writes: a file, `-` for standard output, or nowhere. */
export function grepableFile({ output, signal }: Session, name: string | undefined): GrepableFile {
  if (name === undefined) return { write() {}, async end() {} }
  const escaped = (line: string) => line.split('\t').map(escapeControls).join('\t')
  if (name === '-') return { write: line => output.text(escaped(line)), async end() {} }
  const file = createWriteStream(name)
  const done = finished(file)
  // Reported by `end`.
  done.catch(() => {})
  return {
    write: line => void file.write(`${escaped(line)}\n`),
    async end() {
      file.end()
      await Promise.race([done, fired(signal).then(() => sleep(patience))])
    },
  }
}
