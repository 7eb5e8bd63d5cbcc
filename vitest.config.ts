import { defineConfig } from 'vitest/config'

const common = {
  setupFiles: ['test/warnings.ts'],
  testTimeout: 120_000,
  hookTimeout: 120_000,
  // The default of one second is too short on a busy machine.
  expect: { poll: { timeout: 60_000 } },
  // The summary of a run shows only messages. Cut to 40 characters, as by default, they tell nothing.
  chaiConfig: { truncateThreshold: 400 },
}

/**
 * Runs inside the router's namespace of the laboratory (tools/test/run.mjs puts it there), one file at a time. Real programs on a busy
 * machine may be late once: a test that passes at its second try counts as flaky.
 */
const laboratory = {
  ...common,
  runner: 'test/lab/runner.ts',
  setupFiles: [...common.setupFiles, 'test/lab/setup.ts'],
  fileParallelism: false,
  retry: 1,
}

export default defineConfig({
  test: {
    projects: [
      // Needs nothing but Node: loopback only.
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], maxWorkers: '100%', ...common } },
      // Needs the addon whose system calls can be told to fail (tools/test/run.mjs builds it): loopback only.
      { test: { name: 'faults', include: ['test/faults/**/*.test.ts'], ...common } },
      { test: { name: 'network', include: ['test/network/**/*.test.ts'], ...laboratory } },
      // Boots machines at the router's place: for a release only.
      { test: { name: 'services', include: ['test/services/**/*.test.ts'], ...laboratory } },
    ],
  },
})
