import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { startMonitor, tcpUplinks } from './monitor-command.js'
import { requires } from './requirements.js'

const example = (name: string) => fileURLToPath(new URL(`../../examples/hooks/${name}`, import.meta.url))

test.for(['route-metric.sh', 'mail.sh'])('%s passes shellcheck', (name, context) => {
  requires(context, 'shellcheck')
  const { stdout, status } = spawnSync('shellcheck', [example(name)], { encoding: 'utf8' })
  expect({ stdout, status }).toEqual({ stdout: '', status: 0 })
})

test('mail.sh sends a mail about the change through sendmail', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'netvia-mail-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const sendmail = join(folder, 'sendmail')
  writeFileSync(
    sendmail,
    `#!/bin/sh\n{ echo "$@"; cat; } > ${folder}/mail.tmp && mv ${folder}/mail.tmp ${folder}/mail\n`,
  )
  chmodSync(sendmail, 0o755)
  const hook = `hook: [${example('mail.sh')}, admin@example.com]\n`
  const monitor = startMonitor(hook + tcpUplinks(['fibre', 9]), [], { PATH: `${folder}:${process.env.PATH}` })
  await monitor.says(/fibre: unknown -> down/)
  const mail = () => {
    try {
      return readFileSync(join(folder, 'mail'), 'utf8')
    } catch {
      return ''
    }
  }
  await expect.poll(mail, { timeout: 10_000 }).not.toBe('')
  expect(monitor.said()).not.toMatch(/warning/)
  const [head, body] = mail().split('\n\n', 2) as [string, string]
  expect(head.split('\n')).toEqual([
    '-i -t',
    'To: admin@example.com',
    expect.stringMatching(/^Subject: \[\S+\] uplink fibre is down$/),
    'Auto-Submitted: auto-generated',
    'Content-Type: text/plain; charset=utf-8',
  ])
  expect(body).toMatch(/^fibre \(lo\): unknown -> down\nsince \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/)
  expect(mail()).toMatch(/3 bad rounds in a row: tcp 127\.0\.0\.1:9: /)
})
