// Echoes every datagram, in batches of 64: serve-udp <address> <port>
#include "serve.h"

enum { BATCH = 64, ROOM = 2048 };

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  static uint8_t data[BATCH][ROOM];
  static struct sockaddr_in sources[BATCH];
  static struct iovec parts[BATCH];
  static struct mmsghdr messages[BATCH];
  int fd = check(socket(AF_INET, SOCK_DGRAM, 0), "socket");
  struct sockaddr_in a = address_of(argv[1], atoi(argv[2]));
  check(bind(fd, (void *)&a, sizeof a), "bind");
  ready();
  for (;;) {
    for (int i = 0; i < BATCH; i++) {
      parts[i] = (struct iovec){data[i], ROOM};
      messages[i].msg_hdr = (struct msghdr){&sources[i], sizeof sources[i], &parts[i], 1, NULL, 0, 0};
    }
    int n = check(recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL), "recvmmsg");
    for (int i = 0; i < n; i++) parts[i].iov_len = messages[i].msg_len;
    sendmmsg(fd, messages, (unsigned)n, 0);
  }
}
