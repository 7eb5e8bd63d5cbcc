// Reads a clock in the same form on all machines.
#pragma once

#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Seconds, unsigned, and nanoseconds.
inline void ReadClock(clockid_t clock, int32_t* out) {
#ifdef SYS_clock_gettime64
  // 32-bit: musl's headers would turn clock_gettime into a symbol that glibc lacks.
  struct {
    int64_t tv_sec;
    int64_t tv_nsec;
  } now = {};
  syscall(SYS_clock_gettime64, clock, &now);
#else
  timespec now = {};
  clock_gettime(clock, &now);
#endif
  out[0] = static_cast<int32_t>(static_cast<uint32_t>(now.tv_sec));
  out[1] = static_cast<int32_t>(now.tv_nsec);
}
