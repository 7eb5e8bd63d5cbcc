// A client for a SOCKS5 proxy (RFC 1928) on 127.0.0.1, fast enough that no proxy waits for it:
// socks <proxy port> <new|bulk|idle> <address> <port> <count> [<at once>]
// new: opens `count` tunnels with one HTTP request each. bulk: reads `count` megabytes. idle: keeps `count` tunnels open until
// stdin ends.
#include "common.h"

#include <netinet/tcp.h>
#include <sys/wait.h>

static struct sockaddr_in proxy, target;

static void receive(int fd, void *data, size_t length) {
  for (size_t have = 0; have < length;) {
    ssize_t n = recv(fd, (char *)data + have, length - have, 0);
    if (n <= 0) die("recv");
    have += n;
  }
}

static int tunnel(void) {
  uint8_t answer[10], greeting[] = {5, 1, 0}, request[10] = {5, 1, 0, 1};
  memcpy(request + 4, &target.sin_addr, 4);
  memcpy(request + 8, &target.sin_port, 2);
  int one = 1, fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  check(connect(fd, (void *)&proxy, sizeof proxy), "connect");
  check(send(fd, greeting, sizeof greeting, 0), "send");
  receive(fd, answer, 2);
  if (answer[1] != 0) die("the proxy requires authentication");
  check(send(fd, request, sizeof request, 0), "send");
  receive(fd, answer, sizeof answer);
  if (answer[1] != 0) die("the proxy refused the connection");
  return fd;
}

static void ask(void) {
  static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  char answer[4096];
  int fd = tunnel();
  check(send(fd, request, sizeof request - 1, 0), "send");
  if (recv(fd, answer, sizeof answer, 0) <= 0) die("no answer");
  close(fd);
}

static void read_all(long megabytes) {
  static uint8_t data[1 << 18];
  int fd = tunnel();
  for (long left = megabytes << 20; left > 0;) {
    ssize_t n = recv(fd, data, sizeof data, 0);
    if (n <= 0) die("recv");
    left -= n;
  }
}

// Each child process sends its share of the requests sequentially.
static void ask_all(long count, int at_once) {
  for (int i = 0; i < at_once; i++) {
    if (check(fork(), "fork")) continue;
    for (long left = count / at_once; left > 0; left--) ask();
    _exit(0);
  }
  for (int i = 0; i < at_once; i++) {
    int status;
    check(wait(&status), "wait");
    if (status != 0) exit(1);
  }
}

int main(int argc, char **argv) {
  if (argc < 6) return 2;
  proxy = address_of("127.0.0.1", atoi(argv[1]));
  target = address_of(argv[3], atoi(argv[4]));
  long count = atol(argv[5]);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  double start = now();
  if (!strcmp(argv[2], "new")) ask_all(count, atoi(argv[6]));
  if (!strcmp(argv[2], "bulk")) read_all(count);
  if (!strcmp(argv[2], "idle")) for (long i = 0; i < count; i++) tunnel();
  printf("{\"items\":%ld,\"seconds\":%.6f}\n", count, now() - start);
  fflush(stdout);
  if (!strcmp(argv[2], "idle")) getchar();
  return 0;
}
