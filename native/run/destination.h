// What a socket address means to `netvia run`.
#pragma once

#include <stdint.h>
#include <sys/socket.h>

namespace run {

enum class Target { kElsewhere, kThisMachine, kResolver, kNameService };

// AF_UNSPEC where the address is too short to have one.
int FamilyOf(const uint8_t* address, size_t length);

// Where a connection or a packet to this address goes. What the kernel refuses anyway is kElsewhere.
Target Judge(const uint8_t* address, size_t length);

// The device that the address is of, as an index: the zone of an IPv6 address of one link (RFC 4007). 0 for none. In bind(2) and
// sendmsg(2) it takes precedence over the device that the socket is bound to.
unsigned ZoneOf(const uint8_t* address, size_t length);

// Whether a socket bound to this address can be reached from this machine only.
bool IsLoopback(const uint8_t* address, size_t length);

}  // namespace run
