#include "decision.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/syscall.h>

#include "destination.h"
#include "placement.h"

namespace run {
namespace {

constexpr uint64_t kMostMessages = 1024;  // UIO_MAXIOV
constexpr int kMostControls = 64;

// struct cmsghdr as the kernel has it, with as much behind it as the two kinds of packet information need.
struct Control {
  size_t length;
  int level;
  int type;
  uint8_t data[20];
};
constexpr size_t kControlHeader = offsetof(Control, data);

// The device that packet information names; 0 for none.
unsigned NamedDevice(const Control& control) {
  unsigned index = 0;
  if (control.level == IPPROTO_IP && control.type == IP_PKTINFO) memcpy(&index, control.data, sizeof index);
  if (control.level == IPPROTO_IPV6 && control.type == IPV6_PKTINFO) memcpy(&index, control.data + 16, sizeof index);
  return index;
}

}  // namespace

void Decision::Answer() {
  if (tracee_.Call() == SYS_socket) return OpenSocket();
  int error = Judge();
  if (error == 0 && here_) error = Move(true);
  if (error == 0 && elsewhere_ && !here_ && confinement_.moved) error = Move(false);
  if (error == 0 && !done_) {
    tracee_.Continue();
  } else {
    tracee_.Finish(error);
  }
}

void Decision::OpenSocket() {
  int domain = static_cast<int>(tracee_.Argument(0));
  int type = static_cast<int>(tracee_.Argument(1));
  int protocol = static_cast<int>(tracee_.Argument(2));
  if (!StaysOnItsDevice(type & kTypeMask, protocol)) return tracee_.Finish(EPROTONOSUPPORT);
  // This process may have rights that the program has not, or has given up.
  if ((type & kTypeMask) == SOCK_RAW && !tracee_.HasNetRaw()) return tracee_.Finish(EPERM);
  const char* device = confinement_.devices.Next(type & kTypeMask);
  if (!device) return tracee_.Finish(Refuse(Refusal::kNoUplink, ENETDOWN));
  Descriptor made = OpenOn(device, domain, type, protocol);
  if (!made) return tracee_.Finish(NotMade(device, errno));
  confinement_.mark.Put(made.Get());
  tracee_.Give(made.Get(), type & SOCK_CLOEXEC);
}

int Decision::Judge() {
  switch (tracee_.Call()) {
    case SYS_bind:
      return Bind();
    case SYS_connect:
      return Connect();
    case SYS_sendto:
      return Destination(tracee_.Argument(4), tracee_.Argument(5));
    case SYS_sendmsg:
      return Message(tracee_.Argument(1));
    case SYS_sendmmsg:
      return Messages(tracee_.Argument(1), tracee_.Argument(2));
    default:
      return ENOSYS;
  }
}

int Decision::Bind() {
  uint64_t length = tracee_.Argument(2);
  if (int error = ReadAddress(tracee_.Argument(1), length)) return error;
  here_ = IsLoopback(report_.address, length);
  // One that failed to get a loopback address may ask for another.
  elsewhere_ = !here_;
  return 0;
}

int Decision::Connect() {
  uint64_t length = tracee_.Argument(2);
  if (int error = ReadAddress(tracee_.Argument(1), length)) return error;
  return FamilyOf(report_.address, length) == AF_UNSPEC ? Disconnect() : Destination(tracee_.Argument(1), length);
}

int Decision::Destination(uint64_t from, uint64_t length) {
  if (int error = ReadAddress(from, length)) return error;
  switch (run::Judge(report_.address, length)) {
    case Target::kResolver:
      if (!confinement_.resolvers) return Refuse(Refusal::kResolver, ECONNREFUSED);
      [[fallthrough]];
    case Target::kThisMachine:
      here_ = true;
      return 0;
    case Target::kNameService:
      // As if there were none: programs then ask the servers of /etc/resolv.conf.
      return confinement_.resolvers ? 0 : Refuse(Refusal::kNameService, ENOENT);
    case Target::kElsewhere:
      elsewhere_ = true;
      return 0;
  }
  return EINVAL;
}

int Decision::Message(uint64_t from) {
  msghdr message;
  if (int error = Read(from, &message, sizeof message)) return error;
  if (message.msg_name != nullptr && message.msg_namelen > 0) {
    // The kernel shortens it, too.
    uint64_t length = message.msg_namelen < sizeof(sockaddr_storage) ? message.msg_namelen : sizeof(sockaddr_storage);
    if (int error = Destination(reinterpret_cast<uintptr_t>(message.msg_name), length)) return error;
  }
  if (message.msg_control == nullptr) return 0;
  return Controls(reinterpret_cast<uintptr_t>(message.msg_control), message.msg_controllen);
}

int Decision::Messages(uint64_t from, uint64_t count) {
  count = static_cast<uint32_t>(count);
  if (count > kMostMessages) count = kMostMessages;
  for (uint64_t i = 0; i < count; i++) {
    if (int error = Message(from + i * sizeof(mmsghdr))) return error;
  }
  return 0;
}

// IP_PKTINFO takes IPv4 packets past SO_BINDTODEVICE, for ordinary users too.
int Decision::Controls(uint64_t from, uint64_t length) {
  int count = 0;
  for (uint64_t at = 0; at + kControlHeader <= length; count++) {
    if (count == kMostControls) return Refuse(Refusal::kOtherDevice, EPERM);
    Control control{};
    uint64_t left = length - at;
    if (int error = Read(from + at, &control, left < sizeof control ? left : sizeof control)) return error;
    if (int error = Named(NamedDevice(control))) return error;
    // The kernel refuses the whole.
    if (control.length < kControlHeader) return 0;
    at += (control.length + sizeof(long) - 1) & ~(sizeof(long) - 1);
  }
  return 0;
}

int Decision::ReadAddress(uint64_t from, uint64_t& length) {
  length = static_cast<uint32_t>(length);
  if (length > sizeof(sockaddr_storage)) return EINVAL;
  if (length > sizeof report_.address) length = sizeof report_.address;
  int error = Read(from, report_.address, length);
  return error ? error : Named(ZoneOf(report_.address, length));
}

int Decision::Named(unsigned device) {
  if (device == 0 || device == sys::if_nametoindex(kLoopback)) return 0;
  Descriptor socket = tracee_.Copy(fd_);
  if (!socket) return Refuse(Refusal::kUnreadable, EPERM);
  const char* home = HomeOf(socket.Get());
  return home && device == sys::if_nametoindex(home) ? 0 : Refuse(Refusal::kOtherDevice, EPERM, home);
}

// The kernel unbinds a datagram socket that is disconnected from its device, too. Meanwhile the program has another one.
int Decision::Disconnect() {
  Descriptor socket = tracee_.Copy(fd_);
  if (!socket) return Refuse(Refusal::kUnreadable, EPERM);
  if (!IsInternet(socket.Get()) || IsStream(socket.Get())) return 0;
  const char* home = HomeOf(socket.Get());
  if (!home) return Refuse(Refusal::kNoUplink, ENETDOWN);
  Descriptor placeholder = LikeOn(home, socket.Get(), false);
  if (!placeholder) return NotMade(home, EADDRNOTAVAIL);
  if (!tracee_.Replace(fd_, placeholder.Get())) return EADDRNOTAVAIL;
  done_ = true;
  return DisconnectOn(home, socket.Get()) && tracee_.Replace(fd_, socket.Get()) ? 0 : EADDRNOTAVAIL;
}

const char* Decision::HomeOf(int fd) {
  return DeviceOf(fd, home_) && strcmp(home_, kLoopback) != 0 ? home_ : confinement_.devices.Current();
}

int Decision::Move(bool here) {
  Descriptor old = tracee_.Copy(fd_);
  if (!old) return Refuse(Refusal::kUnreadable, EPERM);
  if (!IsInternet(old.Get()) || IsOn(old.Get(), kLoopback) == here) return 0;
  // It keeps its other end, whatever address the call names.
  if (IsConnection(old.Get())) return 0;
  // The kernel refuses that.
  if (tracee_.Call() == SYS_bind && IsNamed(old.Get())) return 0;
  // It would hear nobody any more. The kernel refuses that without a device, too.
  if (tracee_.Call() != SYS_bind && !here && !IsStream(old.Get()) && HasLoopbackName(old.Get())) return EINVAL;
  const char* device = here ? kLoopback : confinement_.devices.Current();
  if (!device) return Refuse(Refusal::kNoUplink, ENETDOWN);
  confinement_.moved = true;
  // With CAP_NET_RAW the same socket can stay: others may have copies of it, or wait for it with epoll(7).
  if (BindTo(device, old.Get())) return 0;
  Descriptor made = LikeOn(device, old.Get(), true);
  if (!made) return NotMade(device, EADDRNOTAVAIL);
  confinement_.mark.Put(made.Get());
  return tracee_.Replace(fd_, made.Get()) ? 0 : EADDRNOTAVAIL;
}

int Decision::NotMade(const char* device, int error) {
  return errno == ENODEV ? Refuse(Refusal::kNoDevice, ENODEV, device) : error;
}

int Decision::Read(uint64_t from, void* to, size_t length) {
  int error = tracee_.Read(from, to, length);
  return error == EPERM ? Refuse(Refusal::kUnreadable, EPERM) : error;
}

int Decision::Refuse(Refusal reason, int error, const char* device) {
  report_.reason = static_cast<int32_t>(reason);
  tracee_.ReadName(report_.program, sizeof report_.program);
  if (device) strncpy(report_.device, device, sizeof report_.device - 1);
  // Lost where nobody reads them.
  send(confinement_.reporting.Get(), &report_, sizeof report_, MSG_NOSIGNAL);
  return error;
}

}  // namespace run
