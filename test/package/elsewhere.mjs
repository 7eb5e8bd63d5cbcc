// On another system, or without an addon for this one, importing works and the first call rejects with the reason. Arguments: the
// expected code, and a platform to simulate.
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
