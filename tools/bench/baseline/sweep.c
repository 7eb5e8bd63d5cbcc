// The upper limit for a sweep: one thread and one raw socket, 64 packets per sendmmsg and recvmmsg, `window` probes in flight.
// sweep <first address> <count> <window> <timeout ms> [device] [stamps]
#include "echo.h"

#include <poll.h>

static uint8_t out[BATCH][ECHO_BYTES], in[BATCH][256];
static char control[BATCH][128];
static struct mmsghdr sends[BATCH], receives[BATCH];
static struct iovec send_parts[BATCH], receive_parts[BATCH];
static struct sockaddr_in targets[BATCH];

static uint32_t first, count, window, timed_out, answered, rejected;
static uint32_t next, oldest, flying;
static double timeout, *sent_at;
static uint8_t *settled;
static int fd, stamps;
static uint16_t id;
static volatile long stamp_sum;

static void send_some(void) {
  int n = 0;
  double at = now();
  while (n < BATCH && next + (uint32_t)n < count && flying + (uint32_t)n < window) {
    uint32_t i = next + (uint32_t)n;
    fill_echo(out[n], id, (uint16_t)i);
    targets[n].sin_addr.s_addr = htonl(first + i);
    sent_at[i] = at;
    n++;
  }
  int taken = sendmmsg(fd, sends, (unsigned)n, 0);
  if (taken < 0 && errno != EAGAIN && errno != ENOBUFS) die("sendmmsg");
  if (taken > 0) {
    next += (uint32_t)taken;
    flying += (uint32_t)taken;
  }
}

static void settle(uint16_t sequence, uint32_t target, uint32_t *counter) {
  uint32_t i = ntohl(target) - first;
  if (i >= next || (uint16_t)i != sequence || settled[i]) return;
  settled[i] = 1;
  flying--;
  ++*counter;
}

static void receive_all(void) {
  for (;;) {
    if (stamps) {
      for (int i = 0; i < BATCH; i++) receives[i].msg_hdr.msg_controllen = sizeof control[i];
    }
    int n = recvmmsg(fd, receives, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
      if (stamps) {
        struct cmsghdr *message = CMSG_FIRSTHDR(&receives[i].msg_hdr);
        if (message) stamp_sum += ((struct timespec *)CMSG_DATA(message))->tv_nsec;
      }
      uint32_t target;
      uint16_t sequence;
      enum verdict verdict = read_answer(in[i], receives[i].msg_len, id, &target, &sequence);
      if (verdict != FOREIGN) settle(sequence, target, verdict == ANSWER ? &answered : &rejected);
    }
    if (n < BATCH) return;
  }
}

static void expire(double at) {
  while (oldest < next && (settled[oldest] || at - sent_at[oldest] >= timeout)) {
    if (!settled[oldest]) {
      settled[oldest] = 1;
      flying--;
      timed_out++;
    }
    oldest++;
  }
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  first = ntohl(address_of(argv[1], 0).sin_addr.s_addr);
  count = (uint32_t)atoi(argv[2]);
  window = (uint32_t)atoi(argv[3]);
  timeout = atof(argv[4]) / 1000;
  fd = open_echo(argc > 5 ? argv[5] : NULL);
  stamps = argc > 6;
  if (stamps) set_int(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1, "SO_TIMESTAMPNS");
  id = (uint16_t)getpid();
  sent_at = calloc(count, sizeof *sent_at);
  settled = calloc(count, 1);
  for (int i = 0; i < BATCH; i++) {
    targets[i].sin_family = AF_INET;
    send_parts[i] = (struct iovec){out[i], ECHO_BYTES};
    sends[i].msg_hdr = (struct msghdr){&targets[i], sizeof targets[i], &send_parts[i], 1, NULL, 0, 0};
    receive_parts[i] = (struct iovec){in[i], sizeof in[i]};
    receives[i].msg_hdr = (struct msghdr){NULL, 0, &receive_parts[i], 1, stamps ? control[i] : NULL, 0, 0};
  }
  double start = now(), used = cpu();
  while (oldest < count) {
    int busy = next < count && flying < window;
    if (busy) {
      send_some();
    } else {
      double wait = timeout - (now() - sent_at[oldest]);
      struct pollfd readable = {fd, POLLIN, 0};
      if (wait > 0) poll(&readable, 1, (int)(wait * 1000) + 1);
    }
    receive_all();
    expire(now());
  }
  printf("{\"items\":%u,\"seconds\":%.6f,\"cpuSeconds\":%.6f,\"reply\":%u,\"unreachable\":%u,\"timeout\":%u}\n", count,
         now() - start, cpu() - used, answered, rejected, timed_out);
  return 0;
}
