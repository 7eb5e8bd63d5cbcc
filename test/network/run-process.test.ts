// netvia as the process around the program: the signals it gets, the messages that nobody reads, and its end.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { lab, needs } from '../lab/index.js'
import { collect, command } from '../unit/cli-process.js'
import { beginRun, python, run, said } from './run-programs.js'

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

describe('a refusal', () => {
  needs('strace')

  test('is reported, though the program ends before the thread that answered it goes on', async () => {
    const child = beginRun(['bash', '-c', 'echo ready; read none; exec 3<>/dev/udp/127.0.0.1/53; kill -KILL $$'])
    const ended = collect(child)
    await said(child.stdout, 'ready')
    const slow = ['-f', '-o', '/dev/null', '-e', 'trace=ioctl', '-e', 'inject=ioctl:delay_exit=500000']
    const tracer = spawn('strace', [...slow, '-p', String(child.pid)], { stdio: ['ignore', 'ignore', 'pipe'] })
    const traced = once(tracer, 'close')
    await said(tracer.stderr, 'attached')
    child.stdin.end()
    expect((await ended).stderr).toContain('netvia: bash: refused a DNS question to 127.0.0.1,')
    await traced
  })
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

/** Runs a program on a terminal that counts its SIGINTs: after one of the terminal, or after one that only netvia gets. */
const interruptsOf = async (sender: 'terminal' | 'process', rest: string) => {
  const counter = `
import os, signal, time
count = 0
def say(what): os.write(1, f'{what}\\n'.encode())
def hit(*none): global count; count += 1; say('hit')
def end(*none): say(count); os._exit(0)
signal.signal(signal.SIGINT, hit); signal.signal(signal.SIGUSR1, end); say(os.getppid())
while True: time.sleep(.1)`
  const driver = `
import os, pty, select, signal, sys
told, tell = os.pipe()
leader, terminal = pty.fork()
if leader == 0:
  os.dup2(tell, 1)
  ${rest}
  os.execv(sys.argv[1], sys.argv[1:])
os.close(tell)
lines = os.fdopen(told)
netvia = int(lines.readline())
if '${sender}' == 'terminal': os.write(terminal, b'\\x03')
else: os.kill(netvia, signal.SIGINT)
# Another thread of netvia may get the next signal, and earlier.
select.select([told], [], [], 60)
os.kill(netvia, signal.SIGUSR1)
print(lines.read().split()[-1], end='')
os.waitpid(leader, 0)`
  const words = [process.execPath, command, 'run', '-I', 'wan2', '--', 'python3', '-c', counter]
  return (await collect(spawn('python3', ['-c', driver, ...words]))).stdout
}

test('a program gets one SIGINT of the terminal, even if its output goes elsewhere', async () => {
  const redirected = 'os.dup2(os.open("/dev/null", os.O_RDWR), 0); os.dup2(0, 2)'
  expect(await interruptsOf('terminal', redirected)).toBe('1')
})

test('a program in the background of a terminal gets the SIGINT that netvia gets', async () => {
  const background = 'child = os.fork(); os.waitpid(child, 0) and os._exit(0) if child else os.setpgid(0, 0)'
  expect(await interruptsOf('process', background)).toBe('1')
})

test('the end of netvia in the background leaves the terminal as the foreground has it', async () => {
  const driver = `
import os, pty, select, sys, termios, tty
told, tell = os.pipe()
leader, terminal = pty.fork()
if leader == 0:
  netvia = os.fork()
  if netvia == 0:
    os.setpgid(0, 0); os.execv(sys.argv[1], sys.argv[1:])
  fifo = open(sys.argv[-1], 'w')
  tty.setraw(0); before = termios.tcgetattr(0)
  fifo.close(); code = os.waitpid(netvia, 0)[1] >> 8
  os.write(tell, f'{code} {termios.tcgetattr(0) == before}'.encode()); os._exit(0)
os.close(tell)
print(os.read(told, 99).decode(), end='')
os.waitpid(leader, 0)`
  const fifo = join(lab.folder, 'held')
  rmSync(fifo, { force: true })
  execFileSync('mkfifo', [fifo])
  const words = [process.execPath, command, 'run', '-I', 'wan2', '--', 'sh', '-c', 'read none < $0; exit 5', fifo]
  expect((await collect(spawn('python3', ['-c', driver, ...words]))).stdout).toBe('5 True')
})

test("all behind the program's name is for the program, also options that netvia has", async () => {
  const words = ['echo', '-I', 'wan1', '--config=x', '-v', '--', '--help']
  const { stdout, stderr } = await collect(spawn(process.execPath, [command, 'run', '-I', 'wan2', ...words]))
  expect({ stdout, stderr }).toEqual({ stdout: `${words.slice(1).join(' ')}\n`, stderr: '' })
})

test('arguments that are not UTF-8 stay as they are', async () => {
  const more = `import os, sys; os.execvp(sys.argv[1], sys.argv[1:] + [b'', b'caf\\xe9 \\xff'])`
  const program = python('print([os.fsencode(word) for word in sys.argv[1:]])')
  expect((await run(program, { before: ['python3', '-c', more] })).stdout).toBe("[b'', b'caf\\xe9 \\xff']\n")
})

test('as many arguments as the kernel takes', async () => {
  expect((await run(['sh', '-c', 'echo $#', 'sh', ...Array(40_000).fill('x')])).stdout).toBe('40000\n')
})

test('a program that crashes leaves its core file, and netvia none in its place', async () => {
  const crash = `
import os, resource, sys
most = resource.getrlimit(resource.RLIMIT_CORE)[1]; resource.setrlimit(resource.RLIMIT_CORE, (most, most)); os.chdir('${lab.folder}')
status = os.waitpid(os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ), 0)[1]
print(os.WTERMSIG(status), os.WCOREDUMP(status))`
  const { stdout } = await run(['sh', '-c', 'kill -SEGV $$'], { before: ['python3', '-c', crash] })
  expect(stdout).toBe('11 False\n')
})
