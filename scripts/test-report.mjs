import { relative } from 'node:path'

/**
 * What vitest's JSON report says: how many tests passed, failed and were skipped, and in words which failed and which passed only at a
 * further try. The words are for the end of the output, where somebody who has nothing else will look.
 */
export function readReport({ testResults } = { testResults: [] }) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const words = []
  for (const { name, status, message, assertionResults } of testResults) {
    const file = relative(process.cwd(), name)
    for (const { status, fullName, failureMessages } of assertionResults) {
      // A counterexample found by chance stays one, whatever the next try found.
      const refuted = failureMessages.some(text => text.includes('Property failed after'))
      const outcome = refuted ? 'failed' : ['passed', 'failed'].includes(status) ? status : 'skipped'
      counts[outcome]++
      if (outcome === 'skipped' || failureMessages.length === 0) continue
      const verdict = outcome === 'failed' ? 'FAILED' : `passed at try ${failureMessages.length + 1}`
      words.push(`${verdict}: ${file} > ${fullName}\n${firstLines(failureMessages[0])}`)
    }
    // A file that broke before its tests, or in a hook after them.
    if (status === 'failed' && !assertionResults.some(test => test.status === 'failed')) {
      counts.failed++
      words.push(`FAILED: ${file}\n${firstLines(message)}`)
    }
  }
  return { counts, words }
}

function firstLines(message) {
  const lines = message.split('\n').filter(line => !line.includes('node_modules'))
  return lines
    .slice(0, 6)
    .map(line => `    ${line.slice(0, 200)}`)
    .join('\n')
}
