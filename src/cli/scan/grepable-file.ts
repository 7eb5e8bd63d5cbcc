import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { escapeControls } from '../shared/output/escape.js'
import type { Session } from '../shared/session.js'

export interface GrepableFile {
  write(line: string): void
  end(): Promise<void>
}

/** Where `-oG` writes: a file, `-` for standard output, or nowhere. */
export function grepableFile({ output }: Session, name: string | undefined): GrepableFile {
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
      await done
    },
  }
}
