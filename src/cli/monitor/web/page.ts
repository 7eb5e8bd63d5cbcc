import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

export interface Page {
  html: Buffer
  gzipped: Buffer
  /** Content-Security-Policy: only the page's own code may run, and it may contact only its own server. */
  policy: string
}

/** The page, which the build put beside this file. It is one self-contained file. */
export function loadPage(): Page {
  const html = readFileSync(new URL('./page.html', import.meta.url))
  const text = html.toString()
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf('script', text)}`,
    `style-src ${hashOf('style', text)}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]
  return { html, gzipped: gzipSync(html, { level: 9 }), policy: policy.join('; ') }
}

function hashOf(element: string, text: string): string {
  const [, content] = new RegExp(`<${element}>(.*?)</${element}>`, 's').exec(text)!
  return `'sha256-${createHash('sha256').update(content!).digest('base64')}'`
}
