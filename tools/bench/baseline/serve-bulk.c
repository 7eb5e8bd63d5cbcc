// Sends zeros to every client as fast as it reads them: serve-bulk <address> <port>
#include "serve.h"

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  static uint8_t zeros[1 << 18];
  int epoll = check(epoll_create1(0), "epoll_create1"), server = listen_at(argv[1], atoi(argv[2]));
  watch(epoll, server, EPOLLIN);
  ready();
  for (;;) {
    struct epoll_event events[64];
    int n = epoll_wait(epoll, events, 64, -1);
    for (int i = 0; i < n; i++) {
      int fd = events[i].data.fd;
      if (fd == server) {
        if ((fd = accept4(server, NULL, NULL, SOCK_NONBLOCK)) >= 0) watch(epoll, fd, EPOLLOUT);
      } else if (send(fd, zeros, sizeof zeros, MSG_NOSIGNAL) < 0 && errno != EAGAIN) {
        close(fd);
      }
    }
  }
}
