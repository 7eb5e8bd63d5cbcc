// Opens and closes TCP sockets sequentially: sockets <count> [device to bind to]
#include "common.h"

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  long count = atol(argv[1]);
  double start = now(), used = cpu();
  for (long i = 0; i < count; i++) {
    int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
    if (argc > 2) check(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, argv[2], strlen(argv[2])), "SO_BINDTODEVICE");
    close(fd);
  }
  double seconds = now() - start;
  printf("{\"items\":%ld,\"seconds\":%.6f,\"cpuSeconds\":%.6f,\"socketUs\":%.3f}\n", count, seconds, cpu() - used,
         seconds / count * 1e6);
  return 0;
}
