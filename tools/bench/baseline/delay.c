// A slow cable: forwards frames between two devices after a delay.
// delay <device> <device> <delay per direction in ms>
#include "common.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/prctl.h>

enum { ROOM = 2048, QUEUE = 4096 };

struct frame {
  double due;
  ssize_t length;
  uint8_t bytes[ROOM];
};

struct way {
  int from, to;
  uint32_t head, tail;
  struct frame frames[QUEUE];
};

static struct way there, back;

static int open_device(const char *name) {
  int fd = check(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL)), "socket");
  struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(name)};
  check(bind(fd, (void *)&a, sizeof a), name);
  set_int(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING");
  return fd;
}

static void take(struct way *way, double delay) {
  while (way->head - way->tail < QUEUE) {
    struct frame *frame = &way->frames[way->head % QUEUE];
    frame->length = recv(way->from, frame->bytes, ROOM, 0);
    if (frame->length < 0) return;
    frame->due = now() + delay;
    way->head++;
  }
}

/** Sends the frames that are due. Returns the seconds until the next frame is due. */
static double give(struct way *way) {
  while (way->tail != way->head) {
    struct frame *frame = &way->frames[way->tail % QUEUE];
    double wait = frame->due - now();
    if (wait > 0) return wait;
    send(way->to, frame->bytes, (size_t)frame->length, 0);
    way->tail++;
  }
  return 1;
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  double delay = atof(argv[3]) / 1000;
  prctl(PR_SET_TIMERSLACK, 1);
  there.from = back.to = open_device(argv[1]);
  back.from = there.to = open_device(argv[2]);
  puts("ready");
  fflush(stdout);
  for (;;) {
    double first = give(&there), second = give(&back);
    double wait = first < second ? first : second;
    struct pollfd readable[] = {{there.from, POLLIN, 0}, {back.from, POLLIN, 0}};
    struct timespec t = {(time_t)wait, (long)((wait - (double)(time_t)wait) * 1e9)};
    ppoll(readable, 2, &t, NULL);
    take(&there, delay);
    take(&back, delay);
  }
}
