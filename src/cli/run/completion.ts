import type { Command } from 'commander'
import { bashCompletion } from '../completion/bash.js'
import { fishCompletion } from '../completion/fish.js'
import type { Shell } from '../completion/shells.js'
import { zshCompletion } from '../completion/zsh.js'
import { Exit } from '../exit-code.js'
import type { Session } from '../session.js'

const scripts: Record<Shell, (program: Command) => string> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
}

export async function run({ program }: Session, _flags: object, shell: Shell): Promise<Exit> {
  process.stdout.write(scripts[shell](program))
  return Exit.good
}
