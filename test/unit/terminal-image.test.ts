import { expect, test } from 'vitest'
// @ts-expect-error: a tool, without types
import { terminalImage } from '../../tools/docs/pictures/terminal.mjs'

const words = (image: string) =>
  [...image.matchAll(/<text x="([\d.]+)" y="([\d.]+)"([^>]*)>([^<]*)</g)].map(([, x, y, style, text]) => {
    return { x: Number(x), y: Number(y), style: style!, text: text! }
  })

test('columns stay aligned, whatever is coloured', () => {
  const [first, loss, second, other] = words(terminalImage('wan1   \x1b[31m10%!\x1b[39m\nwan2   0%'))
  expect([first!.text, loss!.text, second!.text, other!.text]).toEqual(['wan1', '10%!', 'wan2', '0%'])
  expect([loss!.x, first!.x]).toEqual([other!.x, second!.x])
  expect(second!.y).toBeGreaterThan(first!.y)
  expect(loss!.style).toContain('fill="#ff7b72"')
  expect(other!.style).not.toContain('fill')
})

test('bold and dim end correctly, and text is escaped', () => {
  const [bold, dim, plain] = words(terminalImage('\x1b[1ma<b\x1b[22m  \x1b[2mc\x1b[22m  d & e'))
  expect(bold).toMatchObject({ text: 'a&lt;b', style: expect.stringContaining('font-weight="bold"') })
  expect(dim!.style).toContain('opacity="0.6"')
  expect(plain).toMatchObject({ text: 'd &amp; e' })
  expect(plain!.style).not.toMatch(/bold|opacity/)
})
