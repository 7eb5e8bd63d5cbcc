import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
// @ts-expect-error: a script without types
import { faults } from '../../tools/native/inspect.mjs'
// @ts-expect-error: a script without types
import { targets } from '../../tools/native/targets.mjs'
// @ts-expect-error: a script without types
import { checksums } from '../../tools/package/contents.mjs'

const fileOf = (arch: string) => readFileSync(`prebuilds/linux-${arch}/netvia.node`)

describe('prebuilt addons', () => {
  it.each(Object.keys(targets))(
    '%s: the right machine and ABI, and no imports except Node-API and plain libc',
    arch => {
      expect(faults(fileOf(arch), targets[arch])).toEqual([])
    },
  )

  it('are checked: each of these faults is found', () => {
    expect(faults(fileOf('arm64'), targets.x64)).toContain('machine is 183, not 62')
    expect(faults(fileOf('mips'), targets.mipsel)).toContain('little is false, not true')
    expect(faults(fileOf('x64'), { ...targets.x64, page: 0x10000 })).toContain(
      'a segment is aligned to 4096 bytes only',
    )
    const renamed = Buffer.from(fileOf('x64'))
    renamed.write('getenv\0', renamed.indexOf('malloc\0'))
    expect(faults(renamed, targets.x64)).toContain('getenv is needed of the process')
    const bloated = Buffer.concat([fileOf('x64'), Buffer.alloc(40_000)])
    expect(faults(bloated, targets.x64).join()).toContain('bytes are more than')
    const hardFloat = Buffer.from(fileOf('mips'))
    hardFloat.writeUInt32BE(0x50001407, 36) // EF_MIPS_NAN2008
    expect(faults(hardFloat, targets.mips)).toHaveLength(1)
  })

  it('have checksums', () => {
    expect(readFileSync('prebuilds/SHA256SUMS', 'utf8')).toBe(checksums('.'))
  })
})
