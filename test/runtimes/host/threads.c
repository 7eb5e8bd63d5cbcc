// The addon's thread beside its environment's: opened, used and closed over and over, every other time in the middle of a delivery.
// Built with a sanitizer by tools/native/sanitize.mjs, which has something to say where the two touch the same memory. Loopback only.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "node-api.h"

enum { kCycles = 500, kRounds = 50, kSlot = 256, kFields = 16, kAddress = 64 };

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
  int32_t table[8] = {0, 5, kAddress, sizeof *self, -1};
  Check("send", CALL("send", Int(fd), Array(napi_uint8_array, out, kSlot), Array(napi_int32_array, table, 8), Int(1), Int(0)), 1);
}

static void Receive(int fd) {
  uint8_t in[kSlot];
  int32_t row[kFields];
  Check("receive", CALL("receive", Int(fd), Array(napi_uint8_array, in, kSlot), Array(napi_int32_array, row, kFields), Int(0)), 1);
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
      // Half of them find the thread waiting for it, half are there before it is watched.
      if (round % 2) SendToSelf(fd, &self);
      Check("watch", CALL("watch", Int(fd), Int(round), Int(EPOLLIN)), 0);
      if (round % 2 == 0) SendToSelf(fd, &self);
      RunQueued();
      Check("token", token, round);
      Receive(fd);
    }
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
