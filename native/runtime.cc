// The few symbols of a C++ runtime that the headers used here refer to, so that the addon needs no libstdc++ and loads on
// glibc and musl alike. Running out of memory ends the process, as it does in V8.
#include <stddef.h>
#include <stdlib.h>

void* operator new(size_t size) {
  void* memory = malloc(size ? size : 1);
  if (!memory) abort();
  return memory;
}
void* operator new[](size_t size) { return operator new(size); }
void operator delete(void* memory) noexcept { free(memory); }
void operator delete[](void* memory) noexcept { free(memory); }
void operator delete(void* memory, size_t) noexcept { free(memory); }
void operator delete[](void* memory, size_t) noexcept { free(memory); }

namespace std {
[[noreturn]] void __throw_length_error(const char*) { abort(); }
[[noreturn]] void __throw_logic_error(const char*) { abort(); }
[[noreturn]] void __throw_bad_alloc() { abort(); }
[[noreturn]] void __throw_bad_array_new_length() { abort(); }
[[noreturn]] void __throw_bad_function_call() { abort(); }
}  // namespace std

extern "C" [[noreturn]] void __cxa_pure_virtual() { abort(); }
