// The architectures by Node's names, each with the compiler's target and the expected values of the file's ELF headers.

/**
 * `machine` is e_machine. `flags` is e_flags, the ABI. `page` is the largest page size of the architecture's kernels, to which segments
 * are aligned. `cpu` is the oldest supported processor, if it differs from the compiler's default.
 */
export const targets = {
  x64: { triple: 'x86_64-linux-gnu.2.17', machine: 62, bits: 64, little: true, flags: 0, page: 0x1000 },
  ia32: { triple: 'x86-linux-gnu.2.17', machine: 3, bits: 32, little: true, flags: 0, page: 0x1000 },
  arm64: { triple: 'aarch64-linux-gnu.2.17', machine: 183, bits: 64, little: true, flags: 0, page: 0x10000 },
  // EABI 5, hard float. One file for ARMv6 (first Raspberry Pi) and newer.
  arm: {
    triple: 'arm-linux-musleabihf',
    cpu: 'arm1176jzf_s',
    machine: 40,
    bits: 32,
    little: true,
    flags: 0x5000400,
    page: 0x10000,
  },
  // Compressed instructions, doubles in registers.
  riscv64: { triple: 'riscv64-linux-musl', machine: 243, bits: 64, little: true, flags: 5, page: 0x1000 },
  // o32, MIPS32 release 1, the old NaN.
  mips: {
    triple: 'mips-linux-musleabi',
    cpu: 'mips32',
    machine: 8,
    bits: 32,
    little: false,
    flags: 0x50001007,
    page: 0x10000,
  },
  mipsel: {
    triple: 'mipsel-linux-musleabi',
    cpu: 'mips32',
    machine: 8,
    bits: 32,
    little: true,
    flags: 0x50001007,
    page: 0x10000,
  },
  // ELFv2.
  ppc64: { triple: 'powerpc64le-linux-gnu.2.19', machine: 21, bits: 64, little: true, flags: 2, page: 0x10000 },
  s390x: { triple: 's390x-linux-musl', machine: 22, bits: 64, little: false, flags: 0, page: 0x1000 },
  // lp64d, object file version 1.
  loong64: { triple: 'loongarch64-linux-musl', machine: 258, bits: 64, little: true, flags: 0x43, page: 0x10000 },
}
