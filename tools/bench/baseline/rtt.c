// The upper limit for accuracy: RTTs from the kernel's transmit and receive timestamps of sequential probes, paired by option id.
// rtt <address> <count> <interval ms>
#include "echo.h"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <poll.h>

static double *sent_at, *back_at;

static double stamp_of(const struct cmsghdr *message) {
  const struct scm_timestamping *stamps = (const void *)CMSG_DATA(message);
  return (double)stamps->ts[0].tv_sec * 1e6 + (double)stamps->ts[0].tv_nsec / 1e3;
}

/** Reads one message of the socket or its error queue. Returns false if there is none. */
static int read_one(int fd, int flags, uint32_t count, uint16_t id) {
  uint8_t packet[512];
  char control[512];
  struct iovec part = {packet, sizeof packet};
  struct msghdr message = {NULL, 0, &part, 1, control, sizeof control, 0};
  ssize_t length = recvmsg(fd, &message, flags | MSG_DONTWAIT);
  if (length < 0) return 0;
  double stamp = 0;
  uint32_t option_id = UINT32_MAX;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPING) stamp = stamp_of(c);
    if (c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR) {
      option_id = ((struct sock_extended_err *)(void *)CMSG_DATA(c))->ee_data;
    }
  }
  uint32_t target;
  uint16_t sequence;
  if (flags & MSG_ERRQUEUE) {
    if (option_id < count) sent_at[option_id] = stamp;
  } else if (read_answer(packet, (size_t)length, id, &target, &sequence) == ANSWER && sequence < count) {
    back_at[sequence] = stamp;
  }
  return 1;
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  struct sockaddr_in target = address_of(argv[1], 0);
  uint32_t count = (uint32_t)atoi(argv[2]), sent = 0;
  double interval = atof(argv[3]) / 1000;
  int fd = open_echo(NULL);
  set_int(fd, SOL_SOCKET, SO_TIMESTAMPING,
          SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE |
              SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY,
          "SO_TIMESTAMPING");
  uint16_t id = (uint16_t)getpid();
  sent_at = calloc(count, sizeof *sent_at);
  back_at = calloc(count, sizeof *back_at);
  double start = now(), end = start + count * interval + 1;
  while (now() < end) {
    double due = sent < count ? start + sent * interval : end;
    if (now() >= due) {
      uint8_t packet[ECHO_BYTES];
      fill_echo(packet, id, (uint16_t)sent++);
      check((int)sendto(fd, packet, sizeof packet, 0, (void *)&target, sizeof target), "sendto");
      continue;
    }
    struct pollfd readable = {fd, POLLIN, 0};
    poll(&readable, 1, (int)((due - now()) * 1000));
    while (read_one(fd, MSG_ERRQUEUE, count, id)) continue;
    while (read_one(fd, 0, count, id)) continue;
  }
  printf("{\"rttsMs\":[");
  for (uint32_t i = 0; i < count; i++) {
    printf(i ? "," : "");
    if (sent_at[i] && back_at[i]) printf("%.6f", (back_at[i] - sent_at[i]) / 1000);
    else printf("null");
  }
  printf("],\"items\":%u,\"cpuSeconds\":%.6f}\n", count, cpu());
  return 0;
}
