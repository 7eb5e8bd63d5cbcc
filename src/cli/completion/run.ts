import type { Command } from 'commander'
import { Exit } from '../shared/exit-code.js'
import type { Session } from '../shared/session.js'
import { bashCompletion } from './bash.js'
import { fishCompletion } from './fish.js'
import type { Shell } from './shells.js'
import { zshCompletion } from './zsh.js'

const scripts: Record<Shell, (program: Command) => string> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
}

export async function run({ program }: Session, _flags: object, shell: Shell): Promise<Exit> {
  process.stdout.write(scripts[shell](program))
  return Exit.good
}
