// Answers every HTTP request with 64 bytes, and closes the connection if the client asks for it: serve-http <address> <port>
#include "serve.h"

#define BODY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n"
#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 64\r\nConnection: "
static const char kept[] = HEAD "keep-alive\r\n\r\n" BODY, last[] = HEAD "close\r\n\r\n" BODY;

static void answer(int fd) {
  // The bench's requests are small. Each arrives as a whole, without pipelining.
  char request[4096];
  ssize_t length = recv(fd, request, sizeof request - 1, 0);
  if (length <= 0) {
    if (length == 0 || errno != EAGAIN) close(fd);
    return;
  }
  request[length] = 0;
  int closes = strcasestr(request, "\nconnection: close") != NULL;
  ssize_t sent = closes ? send(fd, last, sizeof last - 1, MSG_NOSIGNAL) : send(fd, kept, sizeof kept - 1, MSG_NOSIGNAL);
  if (closes || sent < 0) close(fd);
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  int epoll = check(epoll_create1(0), "epoll_create1"), server = listen_at(argv[1], atoi(argv[2]));
  watch(epoll, server, EPOLLIN);
  ready();
  for (;;) {
    struct epoll_event events[256];
    int n = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < n; i++) {
      if (events[i].data.fd != server) {
        answer(events[i].data.fd);
        continue;
      }
      int fd;
      while ((fd = accept4(server, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
        watch(epoll, fd, EPOLLIN);
      }
    }
  }
}
