// Another system, or no addon for this one: importing works, the first call says what is wrong. Arguments: platform, expected code.
const [, , platform, code] = process.argv
Object.defineProperty(process, 'platform', { value: platform })
const { ping } = await import('netvia')
try {
  await ping('127.0.0.1')
  console.log('no error')
} catch (error) {
  console.log(error.code === code ? 'works' : `${error.code}: ${error.message}`)
  console.error(`${error.message}; ${error.hint}`)
}
