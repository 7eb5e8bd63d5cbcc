// Loads an addon like a runtime, and sends one UDP packet and one ICMP echo over loopback. Prints nothing and returns 0 on success.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "node-api.h"

#ifdef STATIC
#include "loader.h"
#else
#include <dlfcn.h>
static void* addon;
static void* LoadAddon(const char* path) { return addon = dlopen(path, RTLD_NOW); }
static void* FindSymbol(const char* name) { return dlsym(addon, name); }
static const char* LoadError(void) { return dlerror(); }
#endif

enum { kToken = 7, kSlot = 256, kFields = 16, kMostFields = 32 };

static int32_t pairs[128];
static int ready;

static void OnReady(int count) { ready = count == 1 && pairs[0] == kToken && (pairs[1] & EPOLLIN); }

static int SetOption(int fd, const char* name, void* value, size_t size) {
  napi_value option = Get(Get(exports, "options"), name);
  return CALL("setOption", Int(fd), Get(option, "0"), Get(option, "1"), Array(napi_uint8_array, value, size));
}

// Sends `payload` to the socket's own address, waits for the packet that comes back, and checks its hop limit.
static size_t RoundTrip(int fd, const struct sockaddr_in* to, const uint8_t* payload, size_t size, uint8_t* back, int ttl) {
  uint8_t out[kSlot] = {0};
  memcpy(out, payload, size);
  memcpy(out + 64, to, sizeof *to);
  int32_t table[kMostFields] = {0, (int32_t)size, 64, sizeof *to, -1};
  int sent = CALL("send", Int(fd), Array(napi_uint8_array, out, sizeof out), Array(napi_int32_array, table, ConstantNumber("SEND_FIELDS")), Int(1), Int(0));
  Check("send", sent, 1);
  ready = 0;
  Check("watch", CALL("watch", Int(fd), Int(kToken), Int(EPOLLIN)), 0);
  RunQueued();
  Check("ready", ready, 1);
  uint8_t in[kSlot];
  int32_t row[kFields];
  Check("receive", CALL("receive", Int(fd), Array(napi_uint8_array, in, kSlot), Array(napi_int32_array, row, kFields), Int(0)), 1);
  Check("ttl", row[3], ttl);
  struct sockaddr_in from;
  memcpy(&from, in, sizeof from);
  Check("from", (int)ntohl(from.sin_addr.s_addr), INADDR_LOOPBACK);
  memcpy(back, in + 64, (size_t)row[0]);
  return (size_t)row[0];
}

static int Open(const char* protocol, struct sockaddr_in* self) {
  int fd = CALL("socket", Constant("AF_INET"), Constant("SOCK_DGRAM"), protocol ? Constant(protocol) : Int(0));
  if (fd < 0) Check("socket", fd, 0);
  Check("SO_BINDTODEVICE", SetOption(fd, "SO_BINDTODEVICE", "lo", 3), 0);
  int yes = 1;
  Check("IP_RECVTTL", SetOption(fd, "IP_RECVTTL", &yes, sizeof yes), 0);
  int hops = 33;
  Check("IP_TTL", SetOption(fd, "IP_TTL", &hops, sizeof hops), 0);
  *self = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  Check("bind", CALL("bind", Int(fd), Array(napi_uint8_array, self, sizeof *self)), 0);
  Check("getsockname", CALL("getsockname", Int(fd), Array(napi_uint8_array, self, sizeof *self)), sizeof *self);
  return fd;
}

int main(int count, char** arguments) {
  if (count != 2) return fprintf(stderr, "host ADDON\n"), 1;
  if (!LoadAddon(arguments[1])) return fprintf(stderr, "%s\n", LoadError()), 1;
  Register(FindSymbol("napi_register_module_v1"));
  Check("onReady", CALL("onReady", Callback(OnReady), Array(napi_int32_array, pairs, 128)), 0);
  Check("deviceIndex", CALL("deviceIndex", Text("lo")), 1);
  int32_t clocks[4] = {0};
  Check("clocks", CALL("clocks", Array(napi_int32_array, clocks, 4)), 0);
  Check("a clock after 2024", (uint32_t)clocks[0] > 1704067200u, 1);

  uint8_t back[kSlot];
  struct sockaddr_in self;
  int udp = Open(NULL, &self);
  Check("UDP length", (int)RoundTrip(udp, &self, (const uint8_t*)"hello", 5, back, 33), 5);
  Check("UDP payload", memcmp(back, "hello", 5), 0);

  int ping = Open("IPPROTO_ICMP", &self);
  self.sin_port = 0;
  const uint8_t request[12] = {8, 0, 0, 0, 0, 0, 0, 1, 'n', 'e', 't', 'v'};
  // The kernel replies with its own hop limit.
  Check("echo length", (int)RoundTrip(ping, &self, request, sizeof request, back, 64), sizeof request);
  Check("echo reply", back[0], 0);
  Check("echo payload", memcmp(back + 6, request + 6, 6), 0);

  Check("close", CALL("close", Int(udp)), 0);
  CleanUp();
  return 0;
}
