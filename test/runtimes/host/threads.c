// Exercises the addon's threads together with the environment's thread: opens, uses and closes environments repeatedly, every other one
// during a delivery. tools/native/sanitize.mjs builds it with a sanitizer, which reports data races. Uses only loopback.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node-api.h"

enum { kCycles = 500, kRounds = 50, kSlot = 256, kFields = 16, kMostFields = 32, kAddress = 64 };

static int32_t pairs[128];
static int token;

static void OnReady(int count) { token = count == 1 ? pairs[0] : -1; }

static int Descriptors(void) {
  int count = 0;
  for (int fd = 0; fd < 256; fd++) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

static int Open(struct sockaddr_in* self) {
  int fd = CALL("socket", Constant("AF_INET"), Constant("SOCK_DGRAM"), Int(0));
  *self = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  Check("bind", CALL("bind", Int(fd), Array(napi_uint8_array, self, sizeof *self)), 0);
  Check("getsockname", CALL("getsockname", Int(fd), Array(napi_uint8_array, self, sizeof *self)), sizeof *self);
  return fd;
}

static void SendToSelf(int fd, const struct sockaddr_in* self) {
  uint8_t out[kSlot] = "hello";
  memcpy(out + kAddress, self, sizeof *self);
  int32_t table[kMostFields] = {0, 5, kAddress, sizeof *self, -1};
  napi_value row = Array(napi_int32_array, table, ConstantNumber("SEND_FIELDS"));
  Check("send", CALL("send", Int(fd), Array(napi_uint8_array, out, kSlot), row, Int(1), Int(0)), 1);
}

static void Receive(int fd) {
  uint8_t in[kSlot];
  int32_t row[kFields];
  Check("receive", CALL("receive", Int(fd), Array(napi_uint8_array, in, kSlot), Array(napi_int32_array, row, kFields), Int(0)), 1);
}

// Opens a tunnel between two socket pairs. `ends` receives their outer ends.
static int OpenTunnel(int* ends) {
  int client[2], upstream[2];
  socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, client);
  socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, upstream);
  uint8_t first[] = "first";
  napi_value bytes = Array(napi_uint8_array, first, sizeof first);
  int id = CALL("relayOpen", Int(client[1]), Int(upstream[1]), bytes, bytes, Int(60000));
  Check("relayOpen", id >= 0, 1);
  close(client[1]);
  close(upstream[1]);
  ends[0] = client[0];
  ends[1] = upstream[0];
  return id;
}

static void ReadThrough(int fd, const char* expected, size_t size) {
  struct pollfd ready = {.fd = fd, .events = POLLIN};
  char bytes[64];
  for (size_t have = 0; have < size;) {
    poll(&ready, 1, -1);
    ssize_t got = read(fd, bytes + have, size - have);
    Check("read", got > 0, 1);
    have += got;
    if (have == size) Check("bytes", memcmp(bytes, expected, size), 0);
  }
}

// Waits until `wanted` tunnels have been reported as ended.
static void AwaitEnds(int reports, int wanted) {
  struct pollfd ready = {.fd = reports, .events = POLLIN};
  int32_t table[6 * 8];
  while (wanted > 0) {
    poll(&ready, 1, -1);
    int ended = CALL("relayEnded", Array(napi_int32_array, table, 6 * 8));
    Check("ended", ended <= wanted, 1);
    wanted -= ended;
  }
}

// Sends bytes both ways while the counters are read. One tunnel ends, one is cut, and one stays open.
static void Relay(void) {
  int reports = CALL("relayStart", Int(0));
  Check("relayStart", reports >= 0, 1);
  int ends[3][2], ids[3];
  for (int i = 0; i < 3; i++) ids[i] = OpenTunnel(ends[i]);
  for (int i = 0; i < 3; i++) {
    int32_t counts[4] = {0};
    Check("write", write(ends[i][0], "hello", 5), 5);
    for (int look = 0; look < 20; look++) {
      Check("relayCounts", CALL("relayCounts", Int(ids[i]), Array(napi_int32_array, counts, 4)), 0);
    }
    ReadThrough(ends[i][0], "first", 6);
    ReadThrough(ends[i][1], "first\0hello", 11);
  }
  shutdown(ends[0][0], SHUT_WR);
  shutdown(ends[0][1], SHUT_WR);
  Check("relayCut", CALL("relayCut", Int(ids[1])), 0);
  AwaitEnds(reports, 2);
  for (int i = 0; i < 6; i++) close(ends[i / 2][i % 2]);
}

int main(int count, char** arguments) {
  void* addon = count == 2 ? dlopen(arguments[1], RTLD_LAZY) : NULL;
  if (!addon) return fprintf(stderr, "%s\n", count == 2 ? dlerror() : "threads ADDON"), 1;
  int before = Descriptors();
  for (int cycle = 0; cycle < kCycles; cycle++) {
    Register(dlsym(addon, "napi_register_module_v1"));
    Check("onReady", CALL("onReady", Callback(OnReady), Array(napi_int32_array, pairs, 128)), 0);
    struct sockaddr_in self;
    int fd = Open(&self);
    for (int round = 1; round <= kRounds; round++) {
      // In half of the rounds the data arrives while the thread watches the descriptor, in the other half before that.
      if (round % 2) SendToSelf(fd, &self);
      Check("watch", CALL("watch", Int(fd), Int(round), Int(EPOLLIN)), 0);
      if (round % 2 == 0) SendToSelf(fd, &self);
      RunQueued();
      Check("token", token, round);
      Receive(fd);
    }
    Relay();
    if (cycle % 2) {
      SendToSelf(fd, &self);
      Check("watch", CALL("watch", Int(fd), Int(1), Int(EPOLLIN)), 0);
    } else {
      Check("unwatch", CALL("unwatch", Int(fd)), 0);
      Check("close", CALL("close", Int(fd)), 0);
    }
    CleanUp();
    Check("descriptors", Descriptors(), before);
  }
  return 0;
}
