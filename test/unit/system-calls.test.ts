import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const folder = new URL('../../native/', import.meta.url)
const header = readFileSync(new URL('system.h', folder), 'utf8')
const names = [...header.matchAll(/using ::(\w+);/g)].map(match => match[1]!)

// What run/ asks of the kernel about another process goes without: no test can make that fail.
it('every system call of the addon goes by the header in which faults are injected', () => {
  expect(names).toContain('socket')
  const bare = new RegExp(
    `(?<!sys::|[.>\\w])(?:${names.join('|')}|syscall|recv\\w*|send\\w*|accept\\w*|ioctl|fcntl|open\\w*)\\(`,
  )
  const found = readdirSync(folder)
    .filter(file => file.includes('.') && !['system.h', 'faults.cc', 'runtime.cc'].includes(file))
    .flatMap(file =>
      readFileSync(new URL(file, folder), 'utf8')
        .split('\n')
        .filter(line => bare.test(line.replace(/\/\/.*/, '')))
        .map(line => `${file}: ${line.trim()}`),
    )
  // The time is read, which can't fail, and by number on 32 bits.
  expect(found).toEqual(['sockets.cc: syscall(SYS_clock_gettime64, clock, &now);'])
})
