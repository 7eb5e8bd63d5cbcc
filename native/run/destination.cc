#include "destination.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

namespace run {
namespace {

constexpr uint16_t kDomainPort = 53;

// Where services listen that look up names for others: nscd, systemd-resolved, Avahi.
constexpr char kNameServices[][24] = {"nscd/", "systemd/resolve/", "avahi-daemon/"};

bool StartsWith(const char* text, const char* start) { return strncmp(text, start, strlen(start)) == 0; }

bool IsNameService(const uint8_t* address, size_t length) {
  char text[sizeof(sockaddr_un)] = {};
  size_t offset = offsetof(sockaddr_un, sun_path);
  if (length > offset) memcpy(text, address + offset, length - offset < sizeof text ? length - offset : sizeof text - 1);
  const char* path = StartsWith(text, "/var") ? text + strlen("/var") : text;
  if (!StartsWith(path, "/run/")) return false;
  for (const char* service : kNameServices) {
    if (StartsWith(path + strlen("/run/"), service)) return true;
  }
  return false;
}

struct Internet {
  bool known = false;
  bool loopback = false;
  bool any = false;
  uint16_t port = 0;
};

Internet OfIPv4(const in_addr& address, in_port_t port) {
  uint32_t number = ntohl(address.s_addr);
  return {true, number >> 24 == 127, number == 0, ntohs(port)};
}

Internet Decode(const uint8_t* address, size_t length) {
  int family = FamilyOf(address, length);
  // sendto(2) takes AF_UNSPEC for AF_INET.
  if ((family == AF_INET || family == AF_UNSPEC) && length >= sizeof(sockaddr_in)) {
    sockaddr_in to;
    memcpy(&to, address, sizeof to);
    return OfIPv4(to.sin_addr, to.sin_port);
  }
  // The kernel takes it without the scope, too (RFC 2133).
  constexpr size_t kWithoutScope = offsetof(sockaddr_in6, sin6_scope_id);
  if (family != AF_INET6 || length < kWithoutScope) return {};
  sockaddr_in6 to{};
  memcpy(&to, address, kWithoutScope);
  const in6_addr& in = to.sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&in)) {
    in_addr mapped;
    memcpy(&mapped, in.s6_addr + 12, sizeof mapped);
    return OfIPv4(mapped, to.sin6_port);
  }
  return {true, IN6_IS_ADDR_LOOPBACK(&in) != 0, IN6_IS_ADDR_UNSPECIFIED(&in) != 0, ntohs(to.sin6_port)};
}

}  // namespace

int FamilyOf(const uint8_t* address, size_t length) {
  sa_family_t family = AF_UNSPEC;
  if (length >= sizeof family) memcpy(&family, address, sizeof family);
  return family;
}

unsigned ZoneOf(const uint8_t* address, size_t length) {
  sockaddr_in6 to;
  if (FamilyOf(address, length) != AF_INET6 || length < sizeof to) return 0;
  memcpy(&to, address, sizeof to);
  const in6_addr& in = to.sin6_addr;
  bool ofOneLink = IN6_IS_ADDR_LINKLOCAL(&in) || IN6_IS_ADDR_MC_NODELOCAL(&in) || IN6_IS_ADDR_MC_LINKLOCAL(&in);
  return ofOneLink ? to.sin6_scope_id : 0;
}

Target Judge(const uint8_t* address, size_t length) {
  if (FamilyOf(address, length) == AF_UNIX)
    return IsNameService(address, length) ? Target::kNameService : Target::kElsewhere;
  Internet to = Decode(address, length);
  // To the kernel 0.0.0.0 and :: are this machine.
  if (!to.known || (!to.loopback && !to.any)) return Target::kElsewhere;
  return to.port == kDomainPort ? Target::kResolver : Target::kThisMachine;
}

bool IsLoopback(const uint8_t* address, size_t length) { return Decode(address, length).loopback; }

}  // namespace run
