// The upper limit for a connect scan: one thread, with descriptors registered once in an edge-triggered epoll. After a refused
// connection, a second connect() reads the error and makes the descriptor usable for the next port. After a timeout, connecting
// to AF_UNSPEC does.
// scan <address> <first port> <last port> <at once> <timeout ms>
#include "common.h"

#include <sys/epoll.h>

struct slot {
  int fd, port;
  double since;
  // Slots form a ring ordered by age, because all have the same timeout.
  struct slot *older, *newer;
};

static struct sockaddr_in target;
static int epoll, port, last, live, open_ports, closed, filtered, failed;
static struct slot ring = {.older = &ring, .newer = &ring};

static void unlink_slot(struct slot *s) {
  s->older->newer = s->newer;
  s->newer->older = s->older;
}

static void open_slot(struct slot *s) {
  s->fd = check(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
  struct linger reset = {1, 0};
  check(setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), "SO_LINGER");
  struct epoll_event event = {EPOLLOUT | EPOLLET, {.ptr = s}};
  check(epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &event), "epoll_ctl");
}

/** Reads the result of the connection by a second connect(). Returns false while the connection is pending. */
static int settled(struct slot *s) {
  target.sin_port = htons((uint16_t)s->port);
  int result = connect(s->fd, (void *)&target, sizeof target);
  if (result < 0 && (errno == EALREADY || errno == EINPROGRESS)) return 0;
  if (result == 0 || errno == EISCONN) {
    open_ports++;
    close(s->fd);
    open_slot(s);
  } else if (errno == ECONNREFUSED) {
    closed++;
  } else {
    failed++;
  }
  return 1;
}

/** Connects to ports until one is pending. A nearby host answers before connect() returns, a remote host never does. */
static void start(struct slot *s) {
  static int unanswered;
  while ((s->port = port <= last ? port++ : 0)) {
    s->since = now();
    target.sin_port = htons((uint16_t)s->port);
    if (connect(s->fd, (void *)&target, sizeof target) < 0 && errno != EINPROGRESS) die("connect");
    if (unanswered < 16 || unanswered % 16 == 0) {
      if (settled(s)) {
        unanswered = 0;
        continue;
      }
    }
    unanswered++;
    s->older = ring.older;
    s->newer = &ring;
    ring.older->newer = s;
    ring.older = s;
    live++;
    return;
  }
}

static void conclude(struct slot *s) {
  if (!settled(s)) return;
  unlink_slot(s);
  live--;
  start(s);
}

static void expire(double timeout) {
  static const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
  double limit = now() - timeout;
  while (ring.newer != &ring && ring.newer->since <= limit) {
    struct slot *s = ring.newer;
    check(connect(s->fd, &nowhere, sizeof nowhere), "disconnect");
    unlink_slot(s);
    live--;
    filtered++;
    start(s);
  }
}

int main(int argc, char **argv) {
  if (argc < 6) return 2;
  target = address_of(argv[1], 0);
  port = atoi(argv[2]);
  last = atoi(argv[3]);
  int first = port, at_once = atoi(argv[4]);
  double timeout = atof(argv[5]) / 1000;
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  double begin = now(), used = cpu();
  epoll = check(epoll_create1(0), "epoll_create1");
  struct slot *slots = calloc((size_t)at_once, sizeof *slots);
  for (int i = 0; i < at_once && port <= last; i++) {
    open_slot(&slots[i]);
    start(&slots[i]);
  }
  while (live > 0) {
    struct epoll_event events[256];
    double wait = ring.newer->since + timeout - now();
    int n = epoll_wait(epoll, events, 256, wait > 0 ? (int)(wait * 1000) + 1 : 0);
    for (int i = 0; i < n; i++) {
      struct slot *s = events[i].data.ptr;
      // The event may belong to an earlier port of the slot. Then the new port is still pending, or there is none.
      if (s->port) conclude(s);
    }
    expire(timeout);
  }
  printf("{\"items\":%d,\"seconds\":%.6f,\"cpuSeconds\":%.6f,\"open\":%d,\"closed\":%d,\"filtered\":%d,\"failed\":%d}\n",
         last - first + 1, now() - begin, cpu() - used, open_ports, closed, filtered, failed);
  return 0;
}
