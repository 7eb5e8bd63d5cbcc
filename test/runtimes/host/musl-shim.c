// The functions that Debian's libstdc++ for glibc 2.36 needs and musl lacks, and one function of a newer libstdc++. Runtimes built for
// musl run on it well enough for a test. Exceptions aren't unwound, and destructors of threads don't run.
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

char __libc_single_threaded = 0;
unsigned __cpu_model[4];

int __cpu_indicator_init(void) { return 0; }
uint32_t arc4random(void) { return 4; }

int __cxa_thread_atexit_impl(void (*run)(void*), void* object, void* library) {
  (void)run, (void)object, (void)library;
  return 0;
}

int _dl_find_object(void* address, void* result) {
  (void)address, (void)result;
  return -1;
}

size_t __strftime_l(char* out, size_t size, const char* format, const struct tm* time, locale_t locale) {
  return strftime_l(out, size, format, time, locale);
}

// std::string::_M_replace_cold of GCC 13.
void _ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE15_M_replace_coldEPcmPKcmm(
    void* self, char* at, size_t length, const char* text, size_t size, size_t rest) {
  (void)self;
  char copy[size + 1];
  memcpy(copy, text, size);
  if (rest && length != size) memmove(at + size, at + length, rest);
  memcpy(at, copy, size);
}
