// The upper limit for UDP echo: datagrams of 64 bytes, 64 in flight, sent in batches: udp <address> <port> <count>
#include "common.h"

#include <poll.h>

enum { BATCH = 64, BYTES = 64 };

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  static uint8_t data[BATCH][BYTES];
  static struct iovec parts[BATCH];
  static struct mmsghdr messages[BATCH];
  struct sockaddr_in target = address_of(argv[1], atoi(argv[2]));
  long count = atol(argv[3]), sent = 0, done = 0;
  int fd = check(socket(AF_INET, SOCK_DGRAM, 0), "socket");
  check(connect(fd, (void *)&target, sizeof target), "connect");
  for (int i = 0; i < BATCH; i++) {
    parts[i] = (struct iovec){data[i], BYTES};
    messages[i].msg_hdr = (struct msghdr){NULL, 0, &parts[i], 1, NULL, 0, 0};
  }
  double start = now(), used = cpu();
  while (done < count) {
    long room = BATCH - (sent - done);
    if (room > count - sent) room = count - sent;
    if (room > 0) sent += check(sendmmsg(fd, messages, (unsigned)room, 0), "sendmmsg");
    struct pollfd readable = {fd, POLLIN, 0};
    if (poll(&readable, 1, 1000) == 0) break;
    done += check(recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL), "recvmmsg");
  }
  printf("{\"items\":%ld,\"seconds\":%.6f,\"cpuSeconds\":%.6f,\"lost\":%ld}\n", done, now() - start, cpu() - used,
         count - done);
  return 0;
}
