import { relative } from 'node:path'

/**
 * How many tests passed, failed, were skipped, and passed only at their second try (flaky: they count as passed too). In words, which
 * failed and which were flaky: for the end of the output, where somebody who has nothing else will look.
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
    // A file that broke before its tests, or in a hook after them.
    if (status === 'failed' && !assertionResults.some(test => test.status === 'failed')) {
      counts.failed++
      words.push(`FAILED: ${name}\n${firstLines(message)}`)
    }
  }
  return { counts, words }
}

/** A counterexample found by chance stays one, whatever the next try finds. */
function refuted({ failureMessages }) {
  return failureMessages.some(text => text.includes('Property failed after'))
}

function firstLines(message) {
  const lines = message.split('\n').filter(line => !line.includes('node_modules'))
  return lines
    .slice(0, 6)
    .map(line => `    ${line.slice(0, 200)}`)
    .join('\n')
}
