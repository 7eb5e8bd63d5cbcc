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

// Whether a socket bound to this address can be reached from this machine only.
bool IsLoopback(const uint8_t* address, size_t length);

}  // namespace run
