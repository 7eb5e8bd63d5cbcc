// A descriptor on its path in one call: opened, bound to its device, that read back, given its options, bound and connected.
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "arguments.h"
#include "environment.h"
#include "system.h"

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif

namespace path {

// `Step` of src/binding/addon.ts: where a call stopped. Later numbers are the options.
enum Step : int32_t { kDone, kDevice, kReadBack, kBind, kConnect, kOption };

// The numbers of `plan`: family, type and protocol, then those of each option.
constexpr size_t kHead = 3;
struct Option {
  int32_t level;
  int32_t name;
  int32_t value;
  // Whether the kernel may lack it.
  int32_t dispensable;
};
constexpr size_t kOptionFields = sizeof(Option) / sizeof(int32_t);

struct Stop {
  int32_t step;
  int32_t error;
};

using Bytes = View<uint8_t>;

static int SetOption(int fd, int level, int name, const void* value, size_t length) {
  return Result(sys::setsockopt(fd, level, name, value, static_cast<socklen_t>(length)));
}

// The device's name, by its index where that alone can be read (qemu-user).
static int NameByIndex(int fd, char* name) {
  int index = 0;
  socklen_t length = sizeof index;
  int error = Result(sys::getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &index, &length));
  if (error < 0 || index == 0) return error;
  return sys::if_indextoname(static_cast<unsigned>(index), name) == nullptr ? -ENODEV : 0;
}

// 1, 0 where it is another or none, or a negative errno.
static int IsBoundTo(int fd, const Bytes& device) {
  char name[IFNAMSIZ] = {};
  socklen_t length = sizeof name;
  int error = Result(sys::getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &length));
  if (error == -EINVAL || error == -ENOPROTOOPT) error = NameByIndex(fd, name);
  if (error < 0) return error;
  return device.length <= sizeof name && memcmp(name, device.data, device.length) == 0;
}

// With the handshake under way -EINPROGRESS. One with a peer on this machine takes place within the call: asking again shows
// it, and saves a wait.
static int Connect(int fd, const Bytes& target) {
  auto* address = reinterpret_cast<const sockaddr*>(target.data);
  auto length = static_cast<socklen_t>(target.length);
  int error = Result(sys::connect(fd, address, length));
  if (error == -EINPROGRESS) error = Result(sys::connect(fd, address, length));
  return error == -EALREADY ? -EINPROGRESS : error;
}

static Stop FollowPath(int fd, const View<int32_t>& plan, const Bytes& device, const Bytes& source, const Bytes& target) {
  if (device.length > 0) {
    int error = SetOption(fd, SOL_SOCKET, SO_BINDTODEVICE, device.data, device.length);
    if (error < 0) return {kDevice, error};
    int bound = IsBoundTo(fd, device);
    if (bound != 1) return {kReadBack, bound};
  }
  auto* options = reinterpret_cast<const Option*>(plan.data + kHead);
  size_t count = (plan.length - kHead) / kOptionFields;
  for (size_t i = 0; i < count; i++) {
    const Option& option = options[i];
    int error = SetOption(fd, option.level, option.name, &option.value, sizeof option.value);
    if (error < 0 && !option.dispensable) return {kOption + static_cast<int32_t>(i), error};
  }
  if (source.length > 0) {
    auto* address = reinterpret_cast<const sockaddr*>(source.data);
    int error = Result(sys::bind(fd, address, static_cast<socklen_t>(source.length)));
    if (error < 0) return {kBind, error};
  }
  int error = target.length > 0 ? Connect(fd, target) : 0;
  return error < 0 ? Stop{kConnect, error} : Stop{kDone, 0};
}

static int Open(const Arguments& arguments) {
  View<int32_t> plan(arguments, 0);
  Bytes device(arguments, 1), source(arguments, 2), target(arguments, 3);
  // What isn't bytes must not count as a step left out: the descriptor would be unbound.
  if (plan.length < kHead || !device.valid || !source.valid || !target.valid) return -EINVAL;
  int type = plan.data[1] | SOCK_CLOEXEC | SOCK_NONBLOCK;
  int fd = Environment::Of(arguments.Env()).Own(Result(sys::socket(plan.data[0], type, plan.data[2])));
  if (fd < 0) return fd;
  Stop stop = FollowPath(fd, plan, device, source, target);
  plan.data[0] = stop.step;
  plan.data[1] = stop.error;
  return fd;
}

static int Reset(const Arguments& arguments) {
  int fd = arguments.Int(0);
  return Environment::Of(arguments.Env()).Disown(fd) ? Result(CloseWithReset(fd)) : -EBADF;
}

}  // namespace path

void DefineOpen(Napi::Env env, Napi::Object exports) {
  Define(env, exports,
         {
             {"open", Call<path::Open>},
             {"reset", Call<path::Reset>},
         });
}
