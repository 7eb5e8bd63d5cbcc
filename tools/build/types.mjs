// `npm run check`: checks the types of all projects with TypeScript 7, which takes a fifth of the time. Version 5 is installed for
// tools that use its API.
import { spawnSync } from 'node:child_process'

for (const project of ['.', 'src/cli/page', 'test/network/page']) {
  const compiler = 'node_modules/typescript7/bin/tsc'
  const { status } = spawnSync(process.execPath, [compiler, '--noEmit', '-p', project], { stdio: 'inherit' })
  if (status !== 0) process.exit(1)
}
