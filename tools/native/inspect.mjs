import { readElf } from './elf.mjs'

/** In bytes. With the proxy's relay, targets with pages of 64 KiB or long instructions, such as ppc64, exceeded 52 KiB. */
const budget = 68 * 1024

/** The C library functions that glibc and musl export on every architecture. */
const libc = new Set(
  (
    'abort accept4 bind calloc clock_gettime close connect epoll_create1 epoll_ctl epoll_wait __errno_location eventfd execvp _exit ' +
    'fcntl free getpeername getsockname getsockopt if_indextoname if_nametoindex ioctl kill listen malloc memcmp memcpy ' +
    'memmove memset ntohl ntohs pipe2 poll prctl process_vm_readv pthread_create pthread_join pthread_mutex_lock ' +
    'pthread_mutex_unlock pthread_sigmask read readlink realloc send setsockopt shutdown sigemptyset sigfillset signal ' +
    'sigprocmask snprintf socket socketpair strcmp strlen strncmp strncpy strstr strtoull syscall unshare usleep waitpid write'
  ).split(' '),
)
const exported = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']

/** The faults of an addon for this target (targets.mjs). Empty if it can be shipped. */
export function faults(bytes, target) {
  const elf = readElf(bytes)
  const found = []
  const expect = (name, actual, expected) => {
    if (actual !== expected) found.push(`${name} is ${actual}, not ${expected}`)
  }
  for (const name of ['machine', 'bits', 'little', 'flags']) expect(name, elf[name], target[name])
  expect('number of section headers', elf.sections, 0)
  expect('needed libraries', elf.needed.join(' '), '')
  expect('symbol versions', elf.versioned, false)
  expect('relocations of code', elf.textRelocations, false)
  if (elf.mipsFloatAbi) expect('floating-point ABI', bytes[elf.mipsFloatAbi], 0)
  for (const { align } of elf.loaded) if (align < target.page) found.push(`a segment is aligned to ${align} bytes only`)
  for (const name of exported) if (!elf.definedNames.includes(name)) found.push(`${name} is not exported`)
  for (const name of elf.definedNames) if (!exported.includes(name)) found.push(`${name} is exported`)
  for (const name of elf.undefinedNames) if (!isPlain(name)) found.push(`${name} is needed of the process`)
  if (bytes.length > budget) found.push(`${bytes.length} bytes are more than ${budget}`)
  return found
}

/** Functions with a double argument are excluded, because they would tie the file to one floating-point ABI. */
function isPlain(name) {
  return libc.has(name) || (/^napi_/.test(name) && !/double|date|int64/.test(name))
}
