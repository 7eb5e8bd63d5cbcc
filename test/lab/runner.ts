import { type RunnerTestFile, type RunnerTestSuite, TestRunner } from 'vitest'
import { context } from './context.js'
import { missingTools } from './needs.js'

/** Skips every test that can't run here, with the reason, and without running its hooks. */
export default class LabRunner extends TestRunner {
  onCollected(files: RunnerTestFile[]): void {
    for (const file of files) skipWhereMissing(file, context.missing ?? missingTools(undefined))
  }
}

function skipWhereMissing(suite: RunnerTestSuite, reason: string | undefined): void {
  if (reason) for (const hooks of Object.values(TestRunner.getSuiteHooks(suite))) hooks.length = 0
  for (const task of suite.tasks) {
    if (task.type === 'suite') skipWhereMissing(task, reason ?? missingTools(task))
    else if (reason) Object.assign(task, { mode: 'skip', result: { state: 'skip', note: reason } })
  }
}
