import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, vi } from 'vitest'
import { lab } from '../lab/index.js'

const boot = fileURLToPath(new URL('boot.sh', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))
const installed = ['package.json', 'dist', 'prebuilds', 'node_modules/node-gyp-build']
const own = ['--mount', '--pid', '--ipc', '--uts', '--cgroup']

/** A container that boots systemd and uses the network of the laboratory's router. */
export interface Machine {
  /** Runs a command in the container and returns its standard output. Throws if it fails. */
  run(command: string, ...args: string[]): string
  write(path: string, text: string): void
}

/** Boots a machine on which netvia is installed like `npm install --global`. It ends with the test (or the file, outside a test). */
export async function bootMachine(): Promise<Machine> {
  const folder = mkdtempSync(join(lab.folder, 'machine-'))
  const unshare = lab.spawn(
    'router',
    'unshare',
    ...own,
    '--propagation=private',
    '--fork',
    '--kill-child',
    boot,
    folder,
  )
  const enter = (input: string | Buffer, command: string, ...args: string[]) => {
    const first = readFileSync(`/proc/${unshare.pid}/task/${unshare.pid}/children`, 'utf8').trim()
    return execFileSync('nsenter', [`--target=${first}`, ...own, command, ...args], {
      encoding: 'utf8',
      input,
      stdio: 'pipe',
    })
  }
  const machine: Machine = {
    run: (command, ...args) => enter('', command, ...args),
    write: (path, text) => void enter(text, 'sh', '-ec', 'mkdir -p "$(dirname "$0")"; cat > "$0"', path),
  }
  await vi.waitFor(() => expect(state(machine)).toBe('running'), { timeout: 60_000, interval: 200 })
  const files = execFileSync('tar', ['--create', '--directory', root, ...installed], { maxBuffer: 2 ** 28 })
  const install =
    'mkdir -p "$0"; tar --extract --no-same-owner --directory "$0"; ln -s "$0/dist/cli.cjs" /usr/bin/netvia'
  enter(files, 'sh', '-ec', install, '/usr/lib/node_modules/netvia')
  return machine
}

function state(machine: Machine): string {
  try {
    return machine.run('systemctl', 'is-system-running').trim()
  } catch (error) {
    return (error as { stdout?: string }).stdout ?? String(error)
  }
}
