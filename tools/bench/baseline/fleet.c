// The upper limit for steady probing: probes `count` targets once per `interval`, evenly spread, for `seconds`.
// One raw socket sends all due probes in one batch every 10 ms.
// fleet <first address> <count> <interval ms> <seconds>
#include "echo.h"

static uint8_t out[BATCH][ECHO_BYTES], in[BATCH][256];
static struct mmsghdr sends[BATCH], receives[BATCH];
static struct iovec send_parts[BATCH], receive_parts[BATCH];
static struct sockaddr_in targets[BATCH];

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  uint32_t first = ntohl(address_of(argv[1], 0).sin_addr.s_addr), count = (uint32_t)atoi(argv[2]);
  double interval = atof(argv[3]) / 1000, seconds = atof(argv[4]);
  int fd = open_echo(NULL);
  uint16_t id = (uint16_t)getpid();
  for (int i = 0; i < BATCH; i++) {
    targets[i].sin_family = AF_INET;
    send_parts[i] = (struct iovec){out[i], ECHO_BYTES};
    sends[i].msg_hdr = (struct msghdr){&targets[i], sizeof targets[i], &send_parts[i], 1, NULL, 0, 0};
    receive_parts[i] = (struct iovec){in[i], sizeof in[i]};
    receives[i].msg_hdr = (struct msghdr){NULL, 0, &receive_parts[i], 1, NULL, 0, 0};
  }
  double rate = count / interval, start = now(), used = cpu();
  uint64_t total = (uint64_t)(rate * seconds), sent = 0, replies = 0;
  struct timespec tick;
  clock_gettime(CLOCK_MONOTONIC, &tick);
  // Waits one more second for the last reply.
  while (now() - start < seconds + 1) {
    uint64_t due = (uint64_t)((now() - start) * rate);
    if (due > total) due = total;
    while (sent < due) {
      int n = 0;
      for (; n < BATCH && sent + (uint64_t)n < due; n++) {
        uint64_t i = sent + (uint64_t)n;
        fill_echo(out[n], id, (uint16_t)i);
        targets[n].sin_addr.s_addr = htonl(first + (uint32_t)(i % count));
      }
      sent += (uint64_t)check(sendmmsg(fd, sends, (unsigned)n, 0), "sendmmsg");
    }
    int n;
    do {
      n = recvmmsg(fd, receives, BATCH, MSG_DONTWAIT, NULL);
      for (int i = 0; i < n; i++) {
        uint32_t target;
        uint16_t sequence;
        replies += read_answer(in[i], receives[i].msg_len, id, &target, &sequence) == ANSWER;
      }
    } while (n == BATCH);
    tick.tv_nsec += 10000000;
    if (tick.tv_nsec >= 1000000000) {
      tick.tv_nsec -= 1000000000;
      tick.tv_sec++;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &tick, NULL);
  }
  printf("{\"items\":%lu,\"seconds\":%.6f,\"cpuSeconds\":%.6f,\"reply\":%lu}\n", (unsigned long)sent, now() - start,
         cpu() - used, (unsigned long)replies);
  return 0;
}
