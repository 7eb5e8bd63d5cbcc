/**
 * Constants in bundled libraries that are expensive to create. Intl.Segmenter and the pattern for emoji take 10 to 20 ms.
 * node:child_process takes 3 ms and 2 MB: commander loads it for subcommands in programs of their own, which netvia doesn't have.
 */
const expensive =
  /^const (\w+) = (new Intl\.Segmenter\(.*\)|\/.*\\p\{RGI_Emoji\}.*\/v|require\('node:child_process'\));$/gm

/** A bundler plugin that creates these constants on first use. Plain text never uses them. */
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
