/**
 * Constants of libraries that take 10 to 20 ms to make: what divides text into characters, and the set of all emoji. And what
 * commander starts other programs with, which netvia has none of: 3 ms and 2 MB.
 */
const expensive =
  /^const (\w+) = (new Intl\.Segmenter\(.*\)|\/.*\\p\{RGI_Emoji\}.*\/v|require\('node:child_process'\));$/gm

/** Makes them when they are first used, which is never for plain text. A plugin of the bundler. */
export const lateConstants = {
  name: 'late-constants',
  transform(code, id) {
    if (!id.includes('node_modules')) return undefined
    const constants = [...code.matchAll(expensive)]
    if (constants.length === 0) return undefined
    return constants.reduce((text, [declaration, name, value]) => {
      const [before, after] = text.split(declaration)
      const called = part => part.replace(new RegExp(`\\b${name}\\b`, 'g'), () => `${name}()`)
      return `${called(before)}let ${name}Made;\nconst ${name} = () => (${name}Made ??= ${value});${called(after)}`
    }, code)
  },
}
