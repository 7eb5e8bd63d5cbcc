import { relative } from 'node:path'

/**
 * Counts passed, failed and skipped tests. A test that passed only in its second try is flaky, and also counts as passed. `words` names
 * the failed and flaky tests for the end of the output, where readers look first.
 */
export function readReport({ testResults }) {
  const counts = { passed: 0, failed: 0, flaky: 0, skipped: 0 }
  const words = []
  for (const { name: path, status, message, assertionResults } of testResults) {
    const name = relative(process.cwd(), path)
    for (const test of assertionResults) {
      const outcome = refuted(test) ? 'failed' : ['passed', 'failed'].includes(test.status) ? test.status : 'skipped'
      counts[outcome]++
      if (outcome === 'skipped' || test.failureMessages.length === 0) continue
      if (outcome === 'passed') counts.flaky++
      words.push(
        `${outcome === 'failed' ? 'FAILED' : 'FLAKY'}: ${name} > ${test.fullName}\n${firstLines(test.failureMessages[0])}`,
      )
    }
    // A file that failed outside its tests: while it loaded, or in a hook.
    if (status === 'failed' && !assertionResults.some(test => test.status === 'failed')) {
      counts.failed++
      words.push(`FAILED: ${name}\n${firstLines(message)}`)
    }
  }
  return { counts, words }
}

/** A counterexample of a property test stays valid, even if the next try doesn't find it. */
function refuted({ failureMessages }) {
  return failureMessages.some(text => text.includes('Property failed after'))
}

function firstLines(message) {
  const lines = message.split('\n').filter(line => !line.includes('node_modules'))
  return lines
    .slice(0, 6)
    .map(line => `    ${line.slice(0, 1000)}`)
    .join('\n')
}
