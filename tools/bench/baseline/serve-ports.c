// Accepts and closes connections on some ports: serve-ports <address> <port> …
#include "serve.h"

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  int epoll = check(epoll_create1(0), "epoll_create1");
  for (int i = 2; i < argc; i++) watch(epoll, listen_at(argv[1], atoi(argv[i])), EPOLLIN);
  ready();
  for (;;) {
    struct epoll_event events[64];
    int n = epoll_wait(epoll, events, 64, -1);
    for (int i = 0; i < n; i++) {
      int fd = accept(events[i].data.fd, NULL, NULL);
      if (fd >= 0) close(fd);
    }
  }
}
