// Sockets on a device, in place of those that a program asks for or has.
#pragma once

#include "../owned.h"

namespace run {

// The kind alone, without SOCK_NONBLOCK and SOCK_CLOEXEC (SOCK_TYPE_MASK of the kernel).
constexpr int kTypeMask = 0xf;

constexpr char kLoopback[] = "lo";

// Whether a socket of this kind uses no other device than the one it is bound to.
bool StaysOnItsDevice(int type, int protocol);

// No descriptor, and errno, where that fails.
Descriptor OpenOn(const char* device, int domain, int type, int protocol);

// False, and errno: EPERM without CAP_NET_RAW if the socket is bound to another device.
bool BindTo(const char* device, int fd);

bool IsInternet(int fd);
// Whether it has a port. The number of a raw socket's protocol is none, though the kernel shows it as one.
bool IsNamed(int fd);
// Whether its local address is one that this machine alone reaches.
bool HasLoopbackName(int fd);
bool IsStream(int fd);
// Its name, of at most IFNAMSIZ bytes with the zero. False: it is bound to none.
bool DeviceOf(int fd, char* name);
bool IsOn(int fd, const char* device);

// A socket like `old`, on the device, with its options; `named`: and its local address.
Descriptor LikeOn(const char* device, int old, bool named);

// connect(2) with AF_UNSPEC. It resets a TCP connection.
bool Disconnect(int fd);

// The same, and bound to the device again after it, or to loopback if the socket keeps such an address.
bool DisconnectOn(const char* device, int fd);

}  // namespace run
