import { expect, test } from 'vitest'
// @ts-expect-error: a script without types
import { missingFields, publishFields } from '../../tools/package/publisher.mjs'

const publisher = { repository: 'https://github.com/owner/netvia', author: 'A Name <name@example.org>' }

test("the publisher's fields in package.json come from one file", () => {
  const fields = publishFields(publisher)
  expect(fields).toEqual({
    author: 'A Name <name@example.org>',
    homepage: 'https://github.com/owner/netvia#readme',
    repository: { type: 'git', url: 'git+https://github.com/owner/netvia.git' },
    bugs: { url: 'https://github.com/owner/netvia/issues' },
  })
  expect(missingFields({ name: 'netvia', ...fields }, publisher)).toEqual([])
  expect(missingFields({ name: 'netvia', ...fields, author: 'other' }, publisher)).toEqual(['author'])
})

test.each([
  [{ ...publisher, repository: '' }, /repository must be a URL/],
  [{ ...publisher, repository: 'https://github.com/owner/netvia.git' }, /repository must be a URL/],
  [{ ...publisher, author: ' ' }, /author must be a name/],
])('%j is not fit for a release', (incomplete, message) => {
  expect(() => missingFields({}, incomplete)).toThrow(message)
})
