// Descriptors: open, bind, connect, options, names of devices. Clocks, random bytes, threads.
#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <sys/socket.h>

#include "arguments.h"
#include "clock.h"
#include "environment.h"
#include "system.h"
#include "threads.h"

static int Socket(const Arguments& arguments) {
  int type = arguments.Int(1) | SOCK_CLOEXEC | SOCK_NONBLOCK;
  return Environment::Of(arguments.Env()).Own(Result(sys::socket(arguments.Int(0), type, arguments.Int(2))));
}

static int Close(const Arguments& arguments) {
  int fd = arguments.Int(0);
  return Environment::Of(arguments.Env()).Disown(fd) ? Result(sys::close(fd)) : -EBADF;
}

static int Detach(const Arguments& arguments) {
  return Environment::Of(arguments.Env()).Disown(arguments.Int(0)) ? 0 : -EBADF;
}

static int Lend(const Arguments& arguments) {
  Environment::Of(arguments.Env()).Lend(arguments.Int(0));
  return 0;
}

static int Bind(const Arguments& arguments) {
  View<uint8_t> address(arguments, 1);
  return Result(
      sys::bind(arguments.Int(0), reinterpret_cast<sockaddr*>(address.data), static_cast<socklen_t>(address.length)));
}

static int Listen(const Arguments& arguments) { return Result(sys::listen(arguments.Int(0), arguments.Int(1))); }

static int Accept(const Arguments& arguments) {
  View<uint8_t> address(arguments, 1);
  socklen_t length = static_cast<socklen_t>(address.length);
  return Environment::Of(arguments.Env())
      .Own(Result(sys::accept(arguments.Int(0), reinterpret_cast<sockaddr*>(address.data), &length)));
}

static int Connect(const Arguments& arguments) {
  View<uint8_t> address(arguments, 1);
  return Result(
      sys::connect(arguments.Int(0), reinterpret_cast<sockaddr*>(address.data), static_cast<socklen_t>(address.length)));
}

template <int (*call)(int, sockaddr*, socklen_t*)>
static int Name(const Arguments& arguments) {
  View<uint8_t> address(arguments, 1);
  socklen_t length = static_cast<socklen_t>(address.length);
  int error = Result(call(arguments.Int(0), reinterpret_cast<sockaddr*>(address.data), &length));
  return error < 0 ? error : static_cast<int>(length);
}

static int GetOption(const Arguments& arguments) {
  View<uint8_t> out(arguments, 3);
  socklen_t length = static_cast<socklen_t>(out.length);
  int error = Result(sys::getsockopt(arguments.Int(0), arguments.Int(1), arguments.Int(2), out.data, &length));
  return error < 0 ? error : static_cast<int>(length);
}

static int SetOption(const Arguments& arguments) {
  View<uint8_t> value(arguments, 3);
  return Result(sys::setsockopt(arguments.Int(0), arguments.Int(1), arguments.Int(2), value.data,
                                static_cast<socklen_t>(value.length)));
}

static int AttachFilter(const Arguments& arguments) {
  View<uint8_t> program(arguments, 1);
  sock_fprog filter{};
  filter.len = static_cast<unsigned short>(program.length / sizeof(sock_filter));
  filter.filter = reinterpret_cast<sock_filter*>(program.data);
  return Result(sys::setsockopt(arguments.Int(0), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter));
}

static int DeviceIndex(const Arguments& arguments) {
  char name[IFNAMSIZ + 1] = {};
  napi_get_value_string_utf8(arguments.Env(), arguments[0], name, sizeof name, nullptr);
  unsigned index = sys::if_nametoindex(name);
  return index == 0 ? -errno : static_cast<int>(index);
}

static napi_value DeviceName(napi_env env, napi_callback_info info) {
  char name[IFNAMSIZ] = {};
  if (sys::if_indextoname(static_cast<unsigned>(Arguments(env, info).Int(0)), name) == nullptr) return Number(env, -errno);
  napi_value text = nullptr;
  napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &text);
  return text;
}

static int Random(const Arguments& arguments) {
  View<uint8_t> out(arguments, 0);
  return Result(sys::getrandom(out.data, out.length));
}

// A thread may lose its processor between two readings, for milliseconds. Then it reads again.
static int Clocks(const Arguments& arguments) {
  View<int32_t> out(arguments, 0);
  if (out.length < 4) return -EINVAL;
  constexpr int attempts = 5;
  for (int attempt = 0; attempt < attempts; attempt++) {
    int32_t before[2];
    ReadClock(CLOCK_MONOTONIC, before);
    ReadClock(CLOCK_REALTIME, out.data);
    ReadClock(CLOCK_MONOTONIC, out.data + 2);
    constexpr int32_t together = 10'000;  // Nanoseconds.
    if (before[0] == out.data[2] && out.data[3] - before[1] < together) break;
  }
  return 0;
}

static int TryThread(const Arguments&) {
  pthread_t thread;
  int error = CreateThread(&thread, [](void*) -> void* { return nullptr; }, nullptr);
  if (error == 0) pthread_join(thread, nullptr);
  return error;
}

void DefineSockets(Napi::Env env, Napi::Object exports) {
  Define(env, exports,
         {
             {"socket", Call<Socket>},
             {"close", Call<Close>},
             {"lend", Call<Lend>},
             {"detach", Call<Detach>},
             {"bind", Call<Bind>},
             {"listen", Call<Listen>},
             {"accept", Call<Accept>},
             {"connect", Call<Connect>},
             {"getsockname", Call<Name<sys::getsockname>>},
             {"getpeername", Call<Name<sys::getpeername>>},
             {"getOption", Call<GetOption>},
             {"setOption", Call<SetOption>},
             {"attachFilter", Call<AttachFilter>},
             {"deviceIndex", Call<DeviceIndex>},
             {"deviceName", DeviceName},
             {"clocks", Call<Clocks>},
             {"random", Call<Random>},
             {"tryThread", Call<TryThread>},
         });
}
