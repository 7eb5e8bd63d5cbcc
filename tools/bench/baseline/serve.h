// Shared by the bench's servers: one thread with epoll each, in the far namespace. They print "ready" and run until killed.
#ifndef SERVE_H
#define SERVE_H

#include "common.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>

static inline int listen_at(const char *address, int port) {
  int fd = check(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
  struct sockaddr_in a = address_of(address, port);
  set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  check(bind(fd, (void *)&a, sizeof a), "bind");
  check(listen(fd, 4096), "listen");
  return fd;
}

static inline void watch(int epoll, int fd, uint32_t events) {
  struct epoll_event event = {events, {.fd = fd}};
  check(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

static inline void ready(void) {
  puts("ready");
  fflush(stdout);
}

#endif
