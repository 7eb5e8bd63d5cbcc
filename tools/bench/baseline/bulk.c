// The upper limit for reading a TCP stream, 64 KB per call as in Node: bulk <address> <port> <megabytes>
#include "common.h"

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  static uint8_t data[1 << 16];
  struct sockaddr_in target = address_of(argv[1], atoi(argv[2]));
  long wanted = atol(argv[3]) << 20, have = 0;
  int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
  check(connect(fd, (void *)&target, sizeof target), "connect");
  double start = now(), used = cpu();
  while (have < wanted) {
    ssize_t n = recv(fd, data, sizeof data, 0);
    if (n <= 0) die("recv");
    have += n;
  }
  printf("{\"items\":%ld,\"seconds\":%.6f,\"cpuSeconds\":%.6f}\n", have >> 20, now() - start, cpu() - used);
  return 0;
}
