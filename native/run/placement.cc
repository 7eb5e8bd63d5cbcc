#include "placement.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "destination.h"

#ifndef IPV6_UNICAST_IF
#define IPV6_UNICAST_IF 76
#endif

namespace run {
namespace {

// What a program may have set before it named an address.
constexpr struct {
  int level;
  int name;
} kKept[] = {
    {SOL_SOCKET, SO_REUSEADDR},
    {SOL_SOCKET, SO_REUSEPORT},
    {SOL_SOCKET, SO_BROADCAST},
    {SOL_SOCKET, SO_KEEPALIVE},
    {SOL_SOCKET, SO_LINGER},
    {SOL_SOCKET, SO_RCVTIMEO},
    {SOL_SOCKET, SO_SNDTIMEO},
    {IPPROTO_TCP, TCP_NODELAY},
    {IPPROTO_TCP, TCP_USER_TIMEOUT},
    {IPPROTO_IP, IP_RECVERR},
    {IPPROTO_IP, IP_PKTINFO},
    {IPPROTO_IP, IP_RECVTTL},
    {IPPROTO_IP, IP_MTU_DISCOVER},
    {IPPROTO_IPV6, IPV6_V6ONLY},
    {IPPROTO_IPV6, IPV6_RECVERR},
    {IPPROTO_IPV6, IPV6_RECVPKTINFO},
    {IPPROTO_IPV6, IPV6_RECVHOPLIMIT},
};

// A closed connection over IPv6 that waits for the other end's end becomes a small socket, whose packets ignore the device. With more than a
// minute to wait it stays the socket that it is.
void StayWholeWhenClosed(int fd) {
  int seconds = 120;
  sys::setsockopt(fd, IPPROTO_TCP, TCP_LINGER2, &seconds, sizeof seconds);
}

// The device of packets while the socket is bound to none: the kernel unbinds it when it is disconnected, and another thread or
// process may have a copy.
void Prefer(const char* device, int fd) {
  int index = static_cast<int>(sys::if_nametoindex(device));
  // In network byte order. htonl(3) is a function of the C library on some machines.
  uint8_t ordered[4];
  for (int at = 0; at < 4; at++) ordered[at] = static_cast<uint8_t>(index >> (24 - 8 * at));
  ip_mreqn group{};
  group.imr_ifindex = index;
  sys::setsockopt(fd, IPPROTO_IP, IP_UNICAST_IF, &ordered, sizeof ordered);
  sys::setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &group, sizeof group);
  sys::setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_IF, &ordered, sizeof ordered);
  sys::setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index);
}

int Number(int fd, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  return sys::getsockopt(fd, SOL_SOCKET, name, &value, &length) < 0 ? -1 : value;
}

}  // namespace

// Multipath TCP and SCTP choose devices themselves.
bool StaysOnItsDevice(int type, int protocol) {
  switch (type) {
    case SOCK_STREAM:
      return protocol == 0 || protocol == IPPROTO_TCP;
    case SOCK_DGRAM:
      return protocol == 0 || protocol == IPPROTO_UDP || protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
    default:
      return type == SOCK_RAW;
  }
}

Descriptor OpenOn(const char* device, int domain, int type, int protocol) {
  Descriptor made(sys::socket(domain, type | SOCK_CLOEXEC, protocol));
  if (!made) return made;
  // The kernel refuses it later, of a socket that is bound.
  if ((type & kTypeMask) != SOCK_STREAM) Prefer(device, made.Get());
  if (BindTo(device, made.Get())) {
    if (domain == AF_INET6 && (type & kTypeMask) == SOCK_STREAM) StayWholeWhenClosed(made.Get());
    return made;
  }
  int error = errno;
  made.Reset();
  errno = error;
  return made;
}

bool BindTo(const char* device, int fd) {
  socklen_t length = static_cast<socklen_t>(strlen(device) + 1);
  return sys::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, length) == 0;
}

bool IsInternet(int fd) {
  int domain = Number(fd, SO_DOMAIN);
  return domain == AF_INET || domain == AF_INET6;
}

bool IsNamed(int fd) {
  sockaddr_in6 local{};
  socklen_t length = sizeof local;
  if (Number(fd, SO_TYPE) == SOCK_RAW) return false;
  // The port lies at the same place in both families.
  return sys::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &length) == 0 && local.sin6_port != 0;
}

bool HasLoopbackName(int fd) {
  sockaddr_storage local{};
  socklen_t length = sizeof local;
  if (sys::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &length) < 0) return false;
  return IsLoopback(reinterpret_cast<const uint8_t*>(&local), length);
}

bool IsStream(int fd) { return Number(fd, SO_TYPE) == SOCK_STREAM; }

bool DeviceOf(int fd, char* name) {
  socklen_t length = IFNAMSIZ;
  return sys::getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &length) == 0 && length > 0;
}

bool IsOn(int fd, const char* device) {
  char bound[IFNAMSIZ];
  return DeviceOf(fd, bound) && strcmp(bound, device) == 0;
}

Descriptor LikeOn(const char* device, int old, bool named) {
  Descriptor made = OpenOn(device, Number(old, SO_DOMAIN), Number(old, SO_TYPE), Number(old, SO_PROTOCOL));
  if (!made) return made;
  for (const auto& [level, name] : kKept) {
    uint8_t value[32];
    socklen_t length = sizeof value;
    if (sys::getsockopt(old, level, name, value, &length) == 0) sys::setsockopt(made.Get(), level, name, value, length);
  }
  int flags = fcntl(old, F_GETFL);
  if (flags >= 0) fcntl(made.Get(), F_SETFL, flags);
  if (!named) return made;
  sockaddr_storage local{};
  socklen_t length = sizeof local;
  if (sys::getsockname(old, reinterpret_cast<sockaddr*>(&local), &length) < 0) return Descriptor();
  if (reinterpret_cast<sockaddr_in6&>(local).sin6_port == 0) return made;
  if (sys::bind(made.Get(), reinterpret_cast<sockaddr*>(&local), length) < 0) made.Reset();
  return made;
}

bool Disconnect(int fd) {
  // As long as the longest that a family asks for.
  sockaddr_storage none{};
  none.ss_family = AF_UNSPEC;
  return sys::connect(fd, reinterpret_cast<sockaddr*>(&none), sizeof(sockaddr_in6)) == 0;
}

bool DisconnectOn(const char* device, int fd) {
  if (!Disconnect(fd)) return false;
  // Only an address that the program bound it to is left.
  if (HasLoopbackName(fd)) device = kLoopback;
  return IsOn(fd, device) || BindTo(device, fd);
}

}  // namespace run
