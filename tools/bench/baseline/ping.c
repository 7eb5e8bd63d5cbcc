// The lower limit for the overhead of sequential pings: the time from before sendto to after recv, minus the kernel's RTT.
// ping <address> <count>
#include "echo.h"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <poll.h>

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double wall_us(const struct timespec *t) { return (double)t->tv_sec * 1e6 + (double)t->tv_nsec / 1e3; }

/** The timestamp of the next message of the socket or its error queue. 0 without one: the kernel starts stamping with a delay. */
static double read_stamp(int fd, int flags) {
  uint8_t packet[256];
  char control[256];
  struct iovec part = {packet, sizeof packet};
  for (;;) {
    struct msghdr message = {NULL, 0, &part, 1, control, sizeof control, 0};
    if (recvmsg(fd, &message, flags | MSG_DONTWAIT) >= 0) {
      for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPING) continue;
        return wall_us(&((struct scm_timestamping *)(void *)CMSG_DATA(c))->ts[0]);
      }
      return 0;
    }
    struct pollfd readable = {fd, POLLIN, 0};
    if (poll(&readable, 1, 1000) == 0) {
      fprintf(stderr, "no answer\n");
      exit(1);
    }
  }
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  struct sockaddr_in target = address_of(argv[1], 0);
  int count = atoi(argv[2]), fd = open_echo(NULL);
  set_int(fd, SOL_SOCKET, SO_TIMESTAMPING,
          SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE |
              SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY,
          "SO_TIMESTAMPING");
  double *over = calloc((size_t)count, sizeof *over);
  for (int i = 0; i < count;) {
    uint8_t packet[ECHO_BYTES];
    double start = now();
    fill_echo(packet, (uint16_t)getpid(), (uint16_t)i);
    check((int)sendto(fd, packet, sizeof packet, 0, (void *)&target, sizeof target), "sendto");
    double back = read_stamp(fd, 0);
    double out = read_stamp(fd, MSG_ERRQUEUE);
    if (back && out) over[i++] = (now() - start) * 1e6 - (back - out);
  }
  qsort(over, (size_t)count, sizeof *over, by_value);
  printf("{\"items\":%d,\"overheadUs\":%.3f,\"cpuSeconds\":%.6f}\n", count, over[count / 2], cpu());
  return 0;
}
