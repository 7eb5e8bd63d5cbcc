// Another system, or no addon for this one: importing works, the first call says what is wrong. Arguments: expected code, and a
// platform to pretend.
const [, , code, platform] = process.argv
if (platform) Object.defineProperty(process, 'platform', { value: platform })
const { ping } = await import('netvia')
try {
  await ping('127.0.0.1')
  throw new Error('no error')
} catch (error) {
  if (error.code !== code) throw error
  console.log('works')
  console.error(`${error.message}; ${error.hint}`)
}
