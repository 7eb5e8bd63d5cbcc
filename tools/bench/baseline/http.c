// The upper limit for an HTTP client: one thread, keep-alive connections and minimal requests.
// http <address> <port> <connections> <requests>
#include "serve.h"

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  static const char request[] = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";
  struct sockaddr_in target = address_of(argv[1], atoi(argv[2]));
  int connections = atoi(argv[3]), requests = atoi(argv[4]), sent = 0, done = 0;
  int epoll = check(epoll_create1(0), "epoll_create1");
  double start = now(), used = cpu();
  for (int i = 0; i < connections; i++) {
    int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
    check(connect(fd, (void *)&target, sizeof target), "connect");
    set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
    watch(epoll, fd, EPOLLIN);
    check((int)send(fd, request, sizeof request - 1, 0), "send");
    sent++;
  }
  while (done < requests) {
    struct epoll_event events[64];
    int n = epoll_wait(epoll, events, 64, -1);
    for (int i = 0; i < n; i++) {
      // Each response fits into one segment.
      char answer[1024];
      if (recv(events[i].data.fd, answer, sizeof answer, 0) <= 0) die("recv");
      done++;
      if (sent >= requests) continue;
      check((int)send(events[i].data.fd, request, sizeof request - 1, 0), "send");
      sent++;
    }
  }
  printf("{\"items\":%d,\"seconds\":%.6f,\"cpuSeconds\":%.6f}\n", done, now() - start, cpu() - used);
  return 0;
}
