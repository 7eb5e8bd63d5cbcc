#include "connections.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../arguments.h"
#include "placement.h"

namespace run {
namespace {

// UTIME_OMIT of utimensat(2): the headers of C libraries differ in where it is.
constexpr long kOmitted = (1L << 30) - 2;

}  // namespace

Mark Mark::Make() {
  // By number: what C libraries call it here differs in what they need.
  uint32_t random[] = {static_cast<uint32_t>(syscall(SYS_getpid)), 0};
  sys::getrandom(random, sizeof random);
  Mark mark;
  // A long has 31 bits for them on some machines.
  mark.seconds_ = static_cast<long>(random[0] >> 1);
  mark.nanoseconds_ = static_cast<long>(random[1] % 1'000'000'000);
  return mark;
}

// The modification time of a socket: the kernel never sets it, and it lasts as long as the socket, whoever has it. A copy of the
// descriptor, kept for later, would keep connections open that the program has closed.
void Mark::Put(int fd) const {
  const long times[] = {0, kOmitted, seconds_, nanoseconds_};
  syscall(SYS_utimensat, fd, nullptr, times, 0);
}

bool Mark::IsOn(int fd) const {
  struct statx found{};
  // By number: old C libraries lack it.
  if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_MTIME, &found) < 0) return false;
  return found.stx_mtime.tv_sec == seconds_ && found.stx_mtime.tv_nsec == static_cast<uint32_t>(nanoseconds_);
}

bool IsConnection(int fd) {
  uint8_t state = TCP_CLOSE;
  socklen_t length = sizeof state;
  return sys::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &length) == 0 && state != TCP_CLOSE && state != TCP_LISTEN;
}

int Cut(const Mark& mark, const char* device, int pid, int fd) {
  Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return -errno;
  Descriptor socket(static_cast<int>(syscall(SYS_pidfd_getfd, process.Get(), fd, 0)));
  if (!socket) return -errno;
  if (!mark.IsOn(socket.Get()) || !IsConnection(socket.Get())) return 0;
  char bound[IFNAMSIZ];
  errno = 0;
  if (DeviceOf(socket.Get(), bound) ? strcmp(bound, device) != 0 : errno != ENODEV) return 0;
  return Disconnect(socket.Get()) ? 1 : -errno;
}

}  // namespace run
