import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { onTestFinished } from 'vitest'
import { startCli } from './cli-process.js'

/** Creates a file, which is removed after the test. */
export function fileOf(content: string, name = 'uplinks.yaml'): string {
  const folder = mkdtempSync(join(tmpdir(), 'netvia-monitor-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

/** Starts `netvia monitor` with this configuration. It ends with the test. */
export function startMonitor(configuration: string, args: string[] = [], env: NodeJS.ProcessEnv = {}) {
  const file = fileOf(configuration)
  // Tests run in parallel and must not use the machine's usual socket.
  const socket = args.includes('--socket') ? [] : ['--no-socket']
  const child = startCli(['monitor', '-c', file, ...socket, ...args], { env })
  let said = ''
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', text => {
      said += stripVTControlCharacters(text)
    })
  }
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await child.ended
  })
  return {
    file,
    child,
    ended: child.ended,
    said: () => said,
    /** Waits until either output, from character `after`, matches the pattern. Throws if the monitor ends first. */
    async says(pattern: RegExp, after = 0): Promise<RegExpExecArray> {
      for (;;) {
        const found = pattern.exec(said.slice(after))
        if (found) return found
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it ended, having said:\n${said}`)
        await new Promise(resolve => setTimeout(resolve, 20))
      }
    },
    /** The URL of its page. */
    async url(): Promise<string> {
      const [, url] = await this.says(/(http:\/\/127\.0\.0\.1:\d+\/)/)
      return url!
    },
  }
}

/** Uplinks that are up while something listens on `port`. Fast, and without ICMP. */
export function tcpUplinks(...uplinks: [name: string, port: number][]): string {
  const lines = uplinks.map(([name, port]) => {
    return `  - { name: ${name}, device: lo, checks: [{ type: tcp, host: 127.0.0.1, port: ${port} }] }`
  })
  return ['interval: 50ms', 'timeout: 1s', 'uplinks:', ...lines, ''].join('\n')
}
