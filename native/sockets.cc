// Descriptors: open, bind, connect, options, names of devices.
#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "arguments.h"
#include "environment.h"

static Napi::Value Socket(const Napi::CallbackInfo& info) {
  int fd = Result(socket(Int(info[0]), Int(info[1]) | SOCK_CLOEXEC | SOCK_NONBLOCK, Int(info[2])));
  return Number(info.Env(), Environment::Of(info.Env()).Own(fd));
}

static Napi::Value Close(const Napi::CallbackInfo& info) {
  int fd = Int(info[0]);
  bool ours = Environment::Of(info.Env()).Disown(fd);
  return Number(info.Env(), ours ? Result(close(fd)) : -EBADF);
}

static Napi::Value Detach(const Napi::CallbackInfo& info) {
  return Number(info.Env(), Environment::Of(info.Env()).Disown(Int(info[0])) ? 0 : -EBADF);
}

static Napi::Value Bind(const Napi::CallbackInfo& info) {
  View<uint8_t> address(info[1]);
  return Number(info.Env(), Result(bind(Int(info[0]), reinterpret_cast<sockaddr*>(address.data),
                                        static_cast<socklen_t>(address.length))));
}

static Napi::Value Listen(const Napi::CallbackInfo& info) {
  return Number(info.Env(), Result(listen(Int(info[0]), Int(info[1]))));
}

static Napi::Value Connect(const Napi::CallbackInfo& info) {
  View<uint8_t> address(info[1]);
  return Number(info.Env(), Result(connect(Int(info[0]), reinterpret_cast<sockaddr*>(address.data),
                                           static_cast<socklen_t>(address.length))));
}

using NameCall = int (*)(int, sockaddr*, socklen_t*);

template <NameCall call>
static Napi::Value Name(const Napi::CallbackInfo& info) {
  View<uint8_t> address(info[1]);
  socklen_t length = static_cast<socklen_t>(address.length);
  int error = Result(call(Int(info[0]), reinterpret_cast<sockaddr*>(address.data), &length));
  return Number(info.Env(), error < 0 ? error : static_cast<int>(length));
}

static int LocalName(int fd, sockaddr* address, socklen_t* length) { return getsockname(fd, address, length); }
static int PeerName(int fd, sockaddr* address, socklen_t* length) { return getpeername(fd, address, length); }

static Napi::Value GetOption(const Napi::CallbackInfo& info) {
  View<uint8_t> out(info[3]);
  socklen_t length = static_cast<socklen_t>(out.length);
  int error = Result(getsockopt(Int(info[0]), Int(info[1]), Int(info[2]), out.data, &length));
  return Number(info.Env(), error < 0 ? error : static_cast<int>(length));
}

static Napi::Value SetOption(const Napi::CallbackInfo& info) {
  View<uint8_t> value(info[3]);
  return Number(info.Env(), Result(setsockopt(Int(info[0]), Int(info[1]), Int(info[2]), value.data,
                                              static_cast<socklen_t>(value.length))));
}

static Napi::Value AttachFilter(const Napi::CallbackInfo& info) {
  View<uint8_t> program(info[1]);
  sock_fprog filter{};
  filter.len = static_cast<unsigned short>(program.length / sizeof(sock_filter));
  filter.filter = reinterpret_cast<sock_filter*>(program.data);
  return Number(info.Env(), Result(setsockopt(Int(info[0]), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter)));
}

static Napi::Value DeviceIndex(const Napi::CallbackInfo& info) {
  char name[IFNAMSIZ + 1] = {};
  napi_get_value_string_utf8(info.Env(), info[0], name, sizeof name, nullptr);
  unsigned index = if_nametoindex(name);
  return Number(info.Env(), index == 0 ? -errno : static_cast<int>(index));
}

static Napi::Value DeviceName(const Napi::CallbackInfo& info) {
  char name[IFNAMSIZ] = {};
  if (if_indextoname(static_cast<unsigned>(Int(info[0])), name) == nullptr) return Number(info.Env(), -errno);
  return Napi::String::New(info.Env(), name);
}

static double Milliseconds(clockid_t clock) {
#ifdef SYS_clock_gettime64
  // 32-bit: musl's headers would turn clock_gettime into a symbol that glibc lacks.
  struct {
    int64_t seconds;
    int64_t nanoseconds;
  } now = {};
  syscall(SYS_clock_gettime64, clock, &now);
  return static_cast<double>(now.seconds) * 1e3 + static_cast<double>(now.nanoseconds) / 1e6;
#else
  timespec now = {};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
#endif
}

static void Clocks(const Napi::CallbackInfo& info) {
  View<double> out(info[0]);
  if (out.length < 2) return;
  out.data[0] = Milliseconds(CLOCK_REALTIME);
  out.data[1] = Milliseconds(CLOCK_MONOTONIC);
}

void DefineSockets(Napi::Env env, Napi::Object exports) {
  exports.Set("socket", Napi::Function::New<Socket>(env, "socket"));
  exports.Set("close", Napi::Function::New<Close>(env, "close"));
  exports.Set("detach", Napi::Function::New<Detach>(env, "detach"));
  exports.Set("bind", Napi::Function::New<Bind>(env, "bind"));
  exports.Set("listen", Napi::Function::New<Listen>(env, "listen"));
  exports.Set("connect", Napi::Function::New<Connect>(env, "connect"));
  exports.Set("getsockname", Napi::Function::New<Name<LocalName>>(env, "getsockname"));
  exports.Set("getpeername", Napi::Function::New<Name<PeerName>>(env, "getpeername"));
  exports.Set("getOption", Napi::Function::New<GetOption>(env, "getOption"));
  exports.Set("setOption", Napi::Function::New<SetOption>(env, "setOption"));
  exports.Set("attachFilter", Napi::Function::New<AttachFilter>(env, "attachFilter"));
  exports.Set("deviceIndex", Napi::Function::New<DeviceIndex>(env, "deviceIndex"));
  exports.Set("deviceName", Napi::Function::New<DeviceName>(env, "deviceName"));
  exports.Set("clocks", Napi::Function::New<Clocks>(env, "clocks"));
}
