import { relative } from 'node:path'

/** The files of vitest's JSON report that may pass when they run again: a counterexample found by chance stays one. */
export function failedFiles({ testResults }) {
  return testResults.filter(file => file.status === 'failed' && !file.assertionResults.some(refuted)).map(fileName)
}

/**
 * How many tests passed, failed and were skipped, and in words which failed and which passed only at a further try. The words are for
 * the end of the output, where somebody who has nothing else will look. `again` is of the run of the files that failed in the first.
 */
export function readReports(first, again = { testResults: [] }) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const words = []
  const repeated = new Map(again.testResults.map(file => [fileName(file), file]))
  for (const result of first.testResults) {
    const name = fileName(result)
    const second = repeated.get(name)
    if (second) words.push(`failed in the first run, and ran again: ${name}\n${whyFailed(result)}`)
    const { status, message, assertionResults } = second ?? result
    for (const test of assertionResults) {
      const outcome = refuted(test) ? 'failed' : ['passed', 'failed'].includes(test.status) ? test.status : 'skipped'
      counts[outcome]++
      if (outcome === 'skipped' || test.failureMessages.length === 0) continue
      const verdict = outcome === 'failed' ? 'FAILED' : `passed at try ${test.failureMessages.length + 1}`
      words.push(`${verdict}: ${name} > ${test.fullName}\n${firstLines(test.failureMessages[0])}`)
    }
    // A file that broke before its tests, or in a hook after them.
    if (status === 'failed' && !assertionResults.some(test => test.status === 'failed')) {
      counts.failed++
      words.push(`FAILED: ${name}\n${firstLines(message)}`)
    }
  }
  return { counts, words }
}

function fileName({ name }) {
  return relative(process.cwd(), name)
}

function refuted({ failureMessages }) {
  return failureMessages.some(text => text.includes('Property failed after'))
}

function whyFailed({ message, assertionResults }) {
  const failed = assertionResults.filter(test => test.status === 'failed')
  if (failed.length === 0) return firstLines(message)
  return failed.map(test => `  ${test.fullName}\n${firstLines(test.failureMessages[0])}`).join('\n')
}

function firstLines(message) {
  const lines = message.split('\n').filter(line => !line.includes('node_modules'))
  return lines
    .slice(0, 6)
    .map(line => `    ${line.slice(0, 200)}`)
    .join('\n')
}
