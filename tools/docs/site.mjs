// `npm run docs` builds a static site in site/ from README.md, the pages of docs/ and the reference of every public name. It fails if
// a public name is undocumented, or a link of the site is broken.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application, Converter, ReflectionKind } from 'typedoc'

process.chdir(fileURLToPath(new URL('../..', import.meta.url)))

const app = await Application.bootstrap()
// Name each page after its heading instead of its file.
app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
  for (const page of project.getReflectionsByKind(ReflectionKind.Document)) {
    const [{ text }] = page.content
    page.name = /^# (.+)/.exec(text)[1]
  }
})
const project = await app.convert()
if (!project) process.exit(1)
app.validate(project)
const site = app.options.getValue('out')
await app.generateDocs(project, site)
const broken = brokenLinks(site)
for (const { page, link } of broken) console.error(`${page}: broken link ${link}`)
console.log(`${relative('.', site)}: ${broken.length} broken links, ${app.logger.warningCount} warnings`)
process.exitCode = broken.length || app.logger.warningCount || app.logger.hasErrors() ? 1 : 0

/** Links and sources whose file or fragment doesn't exist in the site. */
function brokenLinks(folder) {
  const files = readdirSync(folder, { recursive: true }).map(name => join(folder, name))
  const pages = new Map(files.filter(file => file.endsWith('.html')).map(file => [file, readFileSync(file, 'utf8')]))
  const places = new Map([...pages].map(([file, html]) => [file, new Set(valuesOf('id', html))]))
  const leadsNowhere = (page, link) => {
    const [path, place] = link.replaceAll('&amp;', '&').split('#').map(decodeURIComponent)
    const target = path === '' ? page : resolve(dirname(page), path.endsWith('/') ? `${path}index.html` : path)
    return !files.includes(target) || Boolean(place && places.get(target) && !places.get(target).has(place))
  }
  return [...pages].flatMap(([page, html]) =>
    [...valuesOf('href', html), ...valuesOf('src', html)]
      .filter(link => !/^[a-z]+:/.test(link) && leadsNowhere(page, link))
      .map(link => ({ page: relative(folder, page), link })),
  )
}

function valuesOf(attribute, html) {
  return [...html.matchAll(new RegExp(`\\s${attribute}="([^"]*)"`, 'g'))].map(([, value]) => value)
}
