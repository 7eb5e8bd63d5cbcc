// netvia as the process around the program: the signals it gets, the messages that nobody reads, and its end.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { lab } from '../lab/index.js'
import { collect } from '../unit/cli-process.js'
import { beginRun, python, said } from './run-programs.js'

test('a message that nobody reads does not leave the program without netvia', async () => {
  const script = `
print('ready', flush=True); sys.stdin.read(); around = os.getppid()
attempt(lambda: udp().sendto(b'x', ('127.0.0.53', 53)))
for i in range(30):
  if os.getppid() != around: break
  time.sleep(.05)
print(attempt(lambda: udp().sendto(b'x', ('${lab.server.address4}', 9)))); sys.exit(5)`
  const child = beginRun(python(script))
  const ended = collect(child)
  await said(child.stdout, 'ready')
  child.stderr.destroy()
  child.stdin.end()
  expect(await ended).toMatchObject({ code: 5, stdout: 'ready\ndone\n' })
})

test("signals while netvia ends change neither its exit code nor another process's life", async () => {
  for (let i = 0; i < 20; i++) {
    const child = beginRun(['sh', '-c', 'trap "exit 5" TERM; echo ready; read none; exit 5'])
    const ended = collect(child)
    await said(child.stdout, 'ready')
    child.stdin.end()
    while (child.exitCode === null) {
      for (let times = 0; times < 50; times++) child.kill('SIGTERM')
      await nextTurn()
    }
    expect(await ended).toMatchObject({ code: 5, stderr: '' })
  }
})
