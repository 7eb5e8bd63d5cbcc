import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const folder = new URL('../../native/', import.meta.url)
const header = readFileSync(new URL('system.h', folder), 'utf8')
const names = [...header.matchAll(/using ::(\w+);/g)].map(match => match[1]!)

// The system calls in run/ about other processes are exempt, because no test can make them fail.
it('every system call of the addon goes through the header that injects faults', () => {
  expect(names).toContain('socket')
  const bare = new RegExp(
    `(?<!sys::|[.>\\w])(?:${names.join('|')}|syscall|recv\\w*|send\\w*|accept\\w*|ioctl|fcntl|open\\w*)\\(`,
  )
  const found = [...readdirSync(folder), ...readdirSync(new URL('relay/', folder)).map(file => `relay/${file}`)]
    .filter(file => file.includes('.') && !['system.h', 'faults.cc', 'runtime.cc'].includes(file))
    .flatMap(file =>
      readFileSync(new URL(file, folder), 'utf8')
        .split('\n')
        .filter(line => bare.test(line.replace(/\/\/.*/, '')))
        .map(line => `${file}: ${line.trim()}`),
    )
  expect(found.sort()).toEqual([
    // Reading the clock can't fail. 32-bit machines call it by number.
    'clock.h: syscall(SYS_clock_gettime64, clock, &now);',
    // Resets an eventfd. It doesn't matter whether it was signalled.
    'relay/commands.cc: [[maybe_unused]] ssize_t taken = read(reports_.Get(), &signals, sizeof signals);',
    // A larger pipe is optional.
    'relay/pipes.cc: fcntl(ends[1], F_SETPIPE_SZ, kSize);',
  ])
})
