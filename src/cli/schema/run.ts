import { Exit } from '../shared/exit-code.js'
import { schemaVersion } from '../shared/output/json.js'
import { ref } from './build.js'
import { line, lines } from './lines.js'
import { monitorLines, monitorParts } from './monitor.js'
import { parts } from './parts.js'
import { proxyLines, proxyParts } from './proxy.js'

/** The JSON Schema of every line that `--json` prints. */
export async function run(): Promise<Exit> {
  const all = { ...lines, ...monitorLines, ...proxyLines }
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:netvia:command:${schemaVersion}`,
    title: 'A line that netvia --json prints',
    description: 'What is not known is left out. New fields may come within one version.',
    anyOf: Object.keys(all).map(ref),
    $defs: { ...all, line, ...parts, ...monitorParts, ...proxyParts },
  }
  process.stdout.write(`${JSON.stringify(schema, null, 2)}\n`)
  return Exit.good
}
