import { defineConfig } from 'vitest/config'

const slow = { testTimeout: 30_000, hookTimeout: 30_000 }

export default defineConfig({
  test: {
    projects: [
      // Needs nothing but Node: loopback only.
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], ...slow } },
      // Runs inside the router's namespace of the laboratory (scripts/test.mjs puts it there), one file at a time.
      {
        test: {
          name: 'network',
          include: ['test/network/**/*.test.ts'],
          runner: 'test/lab/runner.ts',
          setupFiles: ['test/lab/setup.ts'],
          fileParallelism: false,
          ...slow,
        },
      },
    ],
  },
})
