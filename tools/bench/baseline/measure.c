// Runs a program and writes its time, CPU time and peak memory to descriptor 3: measure <program> <arguments …>
// The parent must be small, because a process inherits its parent's peak memory as the starting value of its own.
#include "common.h"

#include <sys/wait.h>

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  double start = now();
  pid_t child = check(fork(), "fork");
  if (child == 0) {
    close(3);
    execvp(argv[1], argv + 1);
    die(argv[1]);
  }
  int status;
  struct rusage u;
  while (wait4(child, &status, 0, &u) < 0) {
    if (errno != EINTR) die("wait4");
  }
  dprintf(3, "{\"wallSeconds\":%.6f,\"processCpuSeconds\":%.6f,\"memoryMb\":%.3f}\n", now() - start,
          (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6,
          (double)u.ru_maxrss / 1024);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
